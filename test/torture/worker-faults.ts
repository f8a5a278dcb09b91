import { setTimeout as pause } from 'node:timers/promises';
import { type Lane, anotherWrites, slowDown, someCrew, writingCrew } from './fault.js';

export const workerFaults: Lane = {
  longestPauseMs: 800,
  faults: {
    'kill a worker': async (context) => {
      const { random, note } = context;
      const crew = someCrew(context);
      note(`${crew.name}, ${crew.worker.state}`);
      await crew.kill();
      await pause(random.integer(0, 1_500));
      crew.start();
    },
    'stall a worker': async (context) => {
      const { random, takeoverMs, note } = context;
      const { worker, name } = someCrew(context);
      const ms = random.integer(takeoverMs / 2, 2.5 * takeoverMs);
      note(`${name}, ${worker.state}, for ${ms} ms`);
      worker.stall();
      await pause(ms);
      worker.resume();
    },
    'wake up a former writer': async (context) => {
      const crew = await writingCrew(context);
      const { worker, name, line } = crew;
      context.note(`${name}, ${worker.state}`);
      await slowDown(crew, context.random.integer(300, 700));
      worker.stall();
      await anotherWrites(crew, context);
      line.delayReplies(0);
      worker.resume();
    },
    'deploy a worker anew': async (context) => {
      const { random, note } = context;
      const crew = someCrew(context);
      note(`${crew.name}, ${crew.worker.state}`);
      await crew.stop();
      await pause(random.integer(0, 300));
      crew.start();
    },
  },
};
