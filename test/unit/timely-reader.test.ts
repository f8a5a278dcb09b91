import { setImmediate } from 'node:timers/promises';
import { TimelyReader } from '../../src/redis/timely-reader.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

let client: HandDrivenClient;
let reader: TimelyReader;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  client = new HandDrivenClient();
  reader = new TimelyReader(client);
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

const never = () => new Promise<never>(() => undefined);

/** What became of a read, asked without waiting for it. */
function outcomeOf(reading: Promise<unknown>): { now(): Promise<unknown> } {
  let outcome: unknown = 'open';
  reading.then(
    (value) => (outcome = value),
    (error: unknown) => (outcome = (error as { code: string }).code),
  );
  return {
    async now() {
      await setImmediate();
      return outcome;
    },
  };
}

function pass(ms: number): void {
  jest.advanceTimersByTime(ms);
}

describe('while Redis is connected', () => {
  it('hands on the answer', async () => {
    await expect(reader.read(500, () => Promise.resolve('PONG'))).resolves.toBe('PONG');
  });

  it('gives up at the deadline, and not before', async () => {
    const outcome = outcomeOf(reader.read(500, never));
    pass(499);
    expect(await outcome.now()).toBe('open');
    pass(1);
    expect(await outcome.now()).toBe('ERR_PREFETCH_DEADLINE');
  });

  it('says how long it waited', async () => {
    const reading = reader.read(250, never);
    pass(250);
    await expect(reading).rejects.toThrow('Redis did not answer within 250 ms.');
  });

  it('ignores an answer that comes too late, bad ones too', async () => {
    let reject: (error: Error) => void = () => undefined;
    const outcome = outcomeOf(reader.read(10, () => new Promise((_, no) => (reject = no))));
    pass(10);
    reject(new Error('Socket closed unexpectedly'));
    expect(await outcome.now()).toBe('ERR_PREFETCH_DEADLINE');
  });

  it('makes an error of ours of what Redis says', async () => {
    const said = new Error('LOADING Redis is loading the dataset in memory');
    await expect(reader.read(500, () => Promise.reject(said))).rejects.toMatchObject({
      code: 'ERR_PREFETCH_UNAVAILABLE',
      cause: said,
    });
  });

  it('asks no more when 10,000 answers are owed, and again when they have come', async () => {
    const answers: (() => void)[] = [];
    const ask = () =>
      new Promise<string>((resolve) =>
        answers.push(() => {
          resolve('late');
        }),
      );
    const readings = Array.from({ length: 10_000 }, () => reader.read(500, ask).catch(() => 'given up'));
    await expect(reader.read(500, ask)).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    expect(answers).toHaveLength(10_000);
    pass(500);
    expect(new Set(await Promise.all(readings))).toEqual(new Set(['given up']));
    await expect(reader.read(500, ask)).rejects.toThrow(/10000 answers/);
    for (const answer of answers) answer();
    await setImmediate();
    await expect(reader.read(500, () => Promise.resolve('again'))).resolves.toBe('again');
  });
});

describe('when the connection breaks while the answer is on its way', () => {
  const broken = new Error('Socket closed unexpectedly');

  it('asks again when it is back', async () => {
    const answers: ((error: Error) => void)[] = [];
    const work = jest
      .fn(() => Promise.resolve('found'))
      .mockImplementationOnce(() => new Promise((_, reject) => answers.push(reject)));
    const outcome = outcomeOf(reader.read(500, work));
    client.isReady = false;
    answers[0]?.(broken);
    expect(await outcome.now()).toBe('open');
    pass(400);
    await client.connect();
    expect(await outcome.now()).toBe('found');
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('has no more than its deadline for both', async () => {
    const outcome = outcomeOf(
      reader.read(500, () => {
        client.isReady = false;
        return Promise.reject(broken);
      }),
    );
    await setImmediate();
    pass(300);
    await client.connect();
    expect(await outcome.now()).toBe('open');
    pass(199);
    expect(await outcome.now()).toBe('open');
    pass(1);
    expect(await outcome.now()).toBe('ERR_PREFETCH_UNAVAILABLE');
  });

  it('does not wait for a client that was closed', async () => {
    const outcome = outcomeOf(
      reader.read(500, () => {
        client.destroy();
        return Promise.reject(broken);
      }),
    );
    expect(await outcome.now()).toBe('ERR_PREFETCH_CLIENT_CLOSED');
  });
});

describe('while Redis is not connected', () => {
  beforeEach(() => {
    client.isReady = false;
  });

  it('sends nothing, and goes on when the connection is back', async () => {
    const work = jest.fn(() => Promise.resolve('found'));
    const outcome = outcomeOf(reader.read(500, work));
    pass(400);
    expect(await outcome.now()).toBe('open');
    expect(work).not.toHaveBeenCalled();
    await client.connect();
    expect(await outcome.now()).toBe('found');
  });

  it('has only what is left of the deadline for the answer then', async () => {
    const outcome = outcomeOf(reader.read(500, never));
    pass(400);
    await client.connect();
    await setImmediate();
    pass(99);
    expect(await outcome.now()).toBe('open');
    pass(1);
    expect(await outcome.now()).toBe('ERR_PREFETCH_DEADLINE');
  });

  it('gives up at the deadline', async () => {
    const outcome = outcomeOf(reader.read(500, never));
    pass(500);
    expect(await outcome.now()).toBe('ERR_PREFETCH_UNAVAILABLE');
  });

  it('answers at once when the outage has lasted longer than the deadline', async () => {
    const first = outcomeOf(reader.read(500, never));
    pass(500);
    await first.now();
    expect(await outcomeOf(reader.read(500, never)).now()).toBe('ERR_PREFETCH_UNAVAILABLE');
    const patient = outcomeOf(reader.read(2_000, never));
    expect(await patient.now()).toBe('open');
    pass(1_500);
    expect(await patient.now()).toBe('ERR_PREFETCH_UNAVAILABLE');
  });

  it('waits anew in the next outage', async () => {
    const first = outcomeOf(reader.read(500, never));
    pass(500);
    await first.now();
    await client.connect();
    client.isReady = false;
    const next = outcomeOf(reader.read(500, () => Promise.resolve('found')));
    pass(499);
    expect(await next.now()).toBe('open');
    await client.connect();
    expect(await next.now()).toBe('found');
  });

  it('listens once, however many wait', async () => {
    const readings = Array.from({ length: 50 }, () => reader.read(500, () => Promise.resolve('found')));
    expect(client.listenerCount('ready')).toBe(1);
    await client.connect();
    expect(new Set(await Promise.all(readings))).toEqual(new Set(['found']));
    expect(client.listenerCount('ready')).toBe(0);
  });

  it('refuses at once when the client is closed: it will not come back', async () => {
    client.isOpen = false;
    expect(await outcomeOf(reader.read(500, never)).now()).toBe('ERR_PREFETCH_CLIENT_CLOSED');
  });
});
