import { setImmediate } from 'node:timers/promises';
import { Freshness } from '../../src/cache/freshness.js';
import { Keys } from '../../src/redis/keys.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

const keys = new Keys('cache:category');
/** The clock of the server when that of this process says 0. */
const serverEpoch = 1_800_000_000_000;

let client: HandDrivenClient;
let freshness: Freshness;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  client = new HandDrivenClient();
  freshness = new Freshness(client, keys);
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

function pass(ms: number): void {
  jest.advanceTimersByTime(ms);
}

function serverNow(): number {
  return serverEpoch + performance.now();
}

/** How many times it was asked; a question is two commands. */
function questions(): number {
  return client.sent.length / 2;
}

function isStale(maxStalenessMs: number): Promise<boolean> {
  return Promise.resolve(freshness.isStale(maxStalenessMs));
}

/** Answers the nth question, from 0, with that heartbeat. */
async function answer(nth: number, heartbeat: unknown): Promise<void> {
  client.answer(2 * nth).resolve(heartbeat);
  const now = Math.floor(serverNow() * 1000);
  client.answer(2 * nth + 1).resolve([String(Math.floor(now / 1e6)), String(now % 1e6)]);
  await setImmediate();
}

/** Lets the connection break while the nth question is on its way. */
function breakOff(nth: number): void {
  for (const i of [2 * nth, 2 * nth + 1]) client.answer(i).reject(new Error('Socket closed unexpectedly'));
}

function heardOf(agoMs: number): string {
  return String(Math.floor(serverNow() - agoMs));
}

/** Lets it know that the worker was just heard of. */
async function hear(): Promise<void> {
  const asking = freshness.ask();
  await setImmediate();
  await answer(questions() - 1, heardOf(0));
  await asking;
}

describe('the question', () => {
  it('is for the heartbeat and for the time of the server, sent together', async () => {
    const asking = freshness.ask();
    await setImmediate();
    expect(client.sent.map(({ words }) => words)).toEqual([['GET', keys.heartbeat], ['TIME']]);
    await answer(0, heardOf(1_234));
    await expect(asking).resolves.toBe(1_234);
  });

  it.each([null, '', 'now', ' 1', '-5', '1e3', '1.5', '0x1', '9'.repeat(400), 5])(
    'takes %j for no heartbeat',
    async (heartbeat) => {
      const asking = freshness.ask();
      const verdict = isStale(2_147_483_647);
      await setImmediate();
      await answer(0, heartbeat);
      await expect(asking).resolves.toBe(Infinity);
      await expect(verdict).resolves.toBe(true);
    },
  );

  it('takes a time that has not come for no heartbeat', async () => {
    const asking = freshness.ask();
    await setImmediate();
    await answer(0, heardOf(-1));
    await expect(asking).resolves.toBe(Infinity);
    await hear();
    expect(freshness.isStale(1)).toBe(false);
  });

  it('takes another type of value for no heartbeat', async () => {
    const asking = freshness.ask();
    await setImmediate();
    client.answer(0).reject(new Error('WRONGTYPE Operation against a key holding the wrong kind of value'));
    client.answer(1).resolve(['1', '0']);
    await expect(asking).resolves.toBe(Infinity);
  });

  it('is sent anew for who asks while one is on its way, also when that one fails', async () => {
    const first = freshness.ask();
    await setImmediate();
    const later = Promise.all([freshness.ask(), freshness.ask()]);
    await setImmediate();
    expect(questions()).toBe(1);
    breakOff(0);
    await expect(first).rejects.toThrow('Socket closed');
    await setImmediate();
    expect(questions()).toBe(2);
    await answer(1, heardOf(7));
    await expect(later).resolves.toEqual([7, 7]);
  });

  it.each([
    ['the heartbeat', 0],
    ['the time', 1],
  ])('fails when %s is refused, for all who ask', async (_, nth) => {
    const asking = Promise.allSettled([isStale(1_000), isStale(1_000)]);
    await setImmediate();
    client.answer(nth).reject(new Error('NOPERM this user has no permissions'));
    const reason = new Error('NOPERM this user has no permissions');
    await expect(asking).resolves.toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
  });
});

describe('while the worker is heard of', () => {
  it('nothing is asked in the first half of the window, and no promise is made', async () => {
    await hear();
    for (let ms = 0; ms < 500; ms += 10) {
      expect(freshness.isStale(1_000)).toBe(false);
      pass(10);
    }
    expect(questions()).toBe(1);
  });

  it('one question is asked in the second half, and nobody waits for it', async () => {
    await hear();
    pass(600);
    for (let i = 0; i < 1_000; i++) expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    pass(100); // however long it is on its way
    expect(freshness.isStale(1_000)).toBe(false);
    await answer(1, heardOf(0));
    expect(questions()).toBe(2);
    pass(300);
    expect(freshness.isStale(1_000)).toBe(false);
    expect(questions()).toBe(2);
    pass(600);
    expect(freshness.isStale(1_000)).toBe(false); // 1,600 after the first, 1,000 after the second was sent
    await setImmediate();
    expect(questions()).toBe(3);
    pass(1);
    expect(freshness.isStale(1_000)).not.toBe(false);
  });

  it('a question that brought nothing new is not repeated at once', async () => {
    await hear();
    const heartbeat = heardOf(0);
    pass(600);
    expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    await answer(1, heartbeat);
    for (let i = 0; i < 100; i++) {
      expect(freshness.isStale(1_000)).toBe(false);
      await setImmediate();
    }
    expect(questions()).toBe(2);
    pass(60);
    expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    expect(questions()).toBe(3);
  });

  it('a question that fails in the background changes nothing, and is asked again', async () => {
    await hear();
    pass(600);
    expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    breakOff(1);
    await setImmediate();
    pass(60);
    expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    expect(questions()).toBe(3);
  });

  it('nothing is asked in the background while Redis is not connected', async () => {
    await hear();
    pass(600);
    client.isReady = false;
    expect(freshness.isStale(1_000)).toBe(false);
    await setImmediate();
    expect(questions()).toBe(1);
  });

  it('each has a window of its own', async () => {
    await hear();
    pass(200);
    expect(freshness.isStale(10_000)).toBe(false);
    expect(freshness.isStale(1_000)).toBe(false);
    expect(questions()).toBe(1);
    const short = isStale(100);
    await setImmediate();
    await answer(1, heardOf(150));
    await expect(short).resolves.toBe(true);
    expect(freshness.isStale(1_000)).toBe(false);
  });
});

describe('when the window is over', () => {
  beforeEach(async () => {
    await hear();
    pass(1_001);
  });

  it('a thousand ask once, and wait for the answer', async () => {
    const answers = Array.from({ length: 1_000 }, () => isStale(1_000));
    await setImmediate();
    expect(questions()).toBe(2);
    await answer(1, heardOf(50));
    expect(new Set(await Promise.all(answers))).toEqual(new Set([false]));
    expect(questions()).toBe(2);
    expect(freshness.isStale(1_000)).toBe(false);
  });

  it('heard of exactly as long ago as is allowed is not stale; one millisecond more is', async () => {
    const last = Promise.all([isStale(1_000), isStale(999)]);
    await setImmediate();
    await answer(1, heardOf(1_000));
    await expect(last).resolves.toEqual([false, true]);
  });

  it('who comes while the question is on its way takes its answer', async () => {
    const first = isStale(1_000);
    await setImmediate();
    const later = Array.from({ length: 1_000 }, () => isStale(1_000));
    await answer(1, heardOf(50));
    expect(new Set(await Promise.all([first, ...later]))).toEqual(new Set([false]));
    expect(questions()).toBe(2);
  });

  it('but only if it says enough for who came later: else one question more, for all of them', async () => {
    const first = isStale(1_000);
    await setImmediate();
    pass(300);
    const later = Array.from({ length: 1_000 }, () => isStale(1_000));
    await answer(1, heardOf(900)); // perhaps 1,200 when they came
    await expect(first).resolves.toBe(false);
    expect(questions()).toBe(3);
    await answer(2, heardOf(10));
    expect(new Set(await Promise.all(later))).toEqual(new Set([false]));
    expect(questions()).toBe(3);
  });

  it('a question that fails is asked again for who came while it was on its way', async () => {
    const first = isStale(1_000);
    first.catch(() => undefined);
    await setImmediate();
    const later = isStale(1_000);
    breakOff(1);
    await expect(first).rejects.toThrow('Socket closed');
    await setImmediate();
    await answer(2, heardOf(10));
    await expect(later).resolves.toBe(false);
  });

  it('the time that an answer took counts as time without the worker, for who asks later', async () => {
    const first = isStale(1_000);
    await setImmediate();
    pass(950);
    await answer(1, heardOf(100));
    await expect(first).resolves.toBe(false);
    expect(freshness.isStale(1_000)).not.toBe(false);
  });

  it('a worker that is gone is asked for each time, and is believed when it is back', async () => {
    for (let nth = 1; nth <= 5; nth++) {
      const verdict = isStale(1_000);
      await setImmediate();
      await answer(nth, heardOf(nth < 5 ? 5_000 : 100));
      await expect(verdict).resolves.toBe(nth < 5);
    }
  });
});

it('the latest answer counts, also when it knows less: a server that lost the heartbeat lost records too', async () => {
  await hear();
  pass(600);
  expect(freshness.isStale(1_000)).toBe(false);
  await setImmediate();
  await answer(1, null);
  const verdict = isStale(1_000);
  await setImmediate();
  await answer(2, null);
  await expect(verdict).resolves.toBe(true);
});
