import { setTimeout as pause } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { type Fault, type Lane, anotherWrites, slowDown, someCrew, writingCrew } from './fault.js';
import type { Random } from './random.js';

type LineFault = (line: TcpProxy, random: Random, note: (details: string) => void) => Promise<void>;

const lineOf =
  (which: 'line' | 'feedLine') =>
  (harm: LineFault): Fault =>
  async (context) => {
    const { [which]: line, name, worker } = someCrew(context);
    await harm(line, context.random, (details) => {
      context.note(`of ${name}, ${worker.state}${details}`);
    });
  };

const [workerLine, feedLine] = [lineOf('line'), lineOf('feedLine')];

const webLine =
  (harm: LineFault): Fault =>
  ({ webLine: line, random, note }) =>
    harm(line, random, note);

const cut: LineFault = async (line, random, note) => {
  note('');
  for (let i = random.integer(1, 4); i > 0; i--) {
    line.cut();
    await pause(random.integer(0, 200));
  }
};

const delay: LineFault = async (line, random, note) => {
  const ms = random.integer(20, 400);
  note(`, ${ms} ms`);
  line.delayReplies(ms);
  await pause(random.integer(200, 800));
  line.delayReplies(0);
};

const halfClose: LineFault = async (line, random, note) => {
  note('');
  line.halfClose();
  await pause(random.integer(0, 200));
};

const breakOff: LineFault = async (line, random, note) => {
  const bytes = random.integer(1, 20_000);
  const side = random.pick(['clients', 'server'] as const);
  note(`, after ${bytes} bytes of the ${side === 'clients' ? 'client' : 'server'}`);
  line.cutAfterBytes(bytes, side);
  await pause(random.integer(100, 500));
  line.cutAfterBytes(Infinity, side);
};

/** Nothing is lost, all comes late: also what a writer said before it lost its lease. */
const stall =
  (least: number, most: number): LineFault =>
  async (line, random, note) => {
    const ms = random.integer(least, most);
    note(`, for ${ms} ms`);
    if (random.chance(0.6)) line.holdRequests();
    if (random.chance(0.6)) line.holdReplies();
    await pause(ms);
    line.release();
  };

const partition: LineFault = async (line, random, note) => {
  const ms = random.integer(300, 2_000);
  note(`, for ${ms} ms`);
  line.down();
  await pause(ms);
  line.up();
};

export const lineFaults: Lane = {
  longestPauseMs: 400,
  faults: {
    'cut the line': workerLine(cut),
    'delay replies': workerLine(delay),
    'half-close the line': workerLine(halfClose),
    'break the line off': workerLine(breakOff),
    'stall the line': workerLine(stall(500, 2_500)),
    'let a write arrive late': async (context) => {
      const crew = await writingCrew(context);
      const { worker, name, line } = crew;
      context.note(`${name}, ${worker.state}`);
      await slowDown(crew, context.random.integer(300, 700));
      line.holdRequests();
      await anotherWrites(crew, context);
      line.delayReplies(0);
      line.release();
    },
    'take the line down': workerLine(partition),
    'cut the line of the web': webLine(cut),
    'delay replies to the web': webLine(delay),
    'half-close the line of the web': webLine(halfClose),
    'break off the line of the web': webLine(breakOff),
    'stall the line of the web': webLine(stall(100, 800)),
  },
};

/** Between a worker and the primary. */
export const feedFaults: Lane = {
  longestPauseMs: 800,
  faults: {
    'cut the line': feedLine(cut),
    'delay replies': feedLine(delay),
    'half-close the line': feedLine(halfClose),
    'break the line off': feedLine(breakOff),
    'stall the line': feedLine(stall(500, 2_500)),
    'take the line down': feedLine(partition),
  },
};
