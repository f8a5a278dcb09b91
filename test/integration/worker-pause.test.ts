import type { SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
let primary: MemoryPrimary<Item>;
let worker: SyncWorker<Item>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  primary = new MemoryPrimary<Item>({ records: items(5) });
  worker = await world.started(primary);
});

afterEach(() => world.close());

/** Gives the worker every chance to write, by having another one apply the same changes. */
async function othersAreDone(): Promise<void> {
  const other = await SyncWorld.open(redis);
  try {
    await other.started(primary);
    const marker = `marker-${primary.size}`;
    primary.add(item(marker));
    await until(() => other.version(marker));
  } finally {
    await other.close();
  }
}

describe('pause()', () => {
  it('holds changes back until resume(), and then all are applied in order', async () => {
    await worker.pause();
    expect(worker.status().state).toBe('paused');
    for (let n = 2; n <= 50; n++) primary.update(`item-0000${n % 5}`, { version: String(n) });
    primary.delete('item-00001');
    await othersAreDone();
    expect(await versionsIn(world.cache)).toEqual(versionsOf(items(5)));
    expect(world.told('applied')).toEqual([]);

    worker.resume();
    expect(worker.status().state).toBe('following');
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
  });

  it('resolves when nothing is being written any more', async () => {
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 20; n++) primary.update(`item-0000${n % 5}`, { version: `${round}-${n}` });
      await worker.pause();
      const before = [await versionsIn(world.cache), await world.checkpoint()];
      await world.client.ping();
      await world.client.ping();
      expect([await versionsIn(world.cache), await world.checkpoint()]).toEqual(before);
      worker.resume();
    }
  });

  it('nests: every pause needs its own resume', async () => {
    await worker.pause();
    await worker.pause();
    primary.update('item-00000', { version: '2' });
    worker.resume();
    expect(worker.status().state).toBe('paused');
    await othersAreDone();
    expect(await world.version('item-00000')).toBe('1');
    worker.resume();
    await until(async () => (await world.version('item-00000')) === '2');
    worker.resume();
    worker.resume();
    await worker.pause();
    expect(worker.status().state).toBe('paused');
    worker.resume();
    expect(world.states()).toEqual([
      ...['starting', 'following', 'paused', 'following', 'paused', 'following'],
    ]);
  });

  it('is safe for many callers at once', async () => {
    let held = 0;
    const watch = setInterval(() => primary.update('item-00000', { version: String(Math.random()) }), 1);
    const caller = async () => {
      for (let round = 0; round < 10; round++) {
        await worker.pause();
        held++;
        const before = await world.checkpoint();
        await world.client.ping();
        expect(await world.checkpoint()).toBe(before);
        held--;
        worker.resume();
      }
    };
    await Promise.all([caller(), caller(), caller(), caller()]);
    clearInterval(watch);
    expect(held).toBe(0);
    expect(worker.status().state).toBe('following');
    await until(async () => (await worker.lag())?.events === 0);
    expect(await world.version('item-00000')).toBe(primary.peek('item-00000')?.version);
  });

  it.each([0, -1, NaN, 2 ** 31, 'soon' as never])('refuses a time of %p', async (timeoutMs) => {
    await expect(worker.pause({ timeoutMs })).rejects.toMatchObject({ code: 'ERR_PREFETCH_OPTION' });
    expect(worker.status().state).toBe('following');
  });

  it('is refused by a worker that does not run', async () => {
    const idle = world.worker(primary);
    await expect(idle.pause()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    await worker.stop();
    await expect(worker.pause()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
  });
});

/** Waits until the worker is in the midst of a write. */
async function untilItWrites(): Promise<void> {
  await until(() =>
    worker.pause({ timeoutMs: 20 }).then(
      () => {
        worker.resume();
        return false;
      },
      () => true,
    ),
  );
}

describe('pause() while Redis is stalled', () => {
  async function stuck(): Promise<void> {
    redis.stall();
    primary.update('item-00000', { version: '2' });
    await untilItWrites();
    world.events.length = 0;
  }

  afterEach(() => {
    redis.resume();
  });

  it('times out, says so, and does not hold', async () => {
    await stuck();
    const startedAt = performance.now();
    const pausing = worker.pause({ timeoutMs: 300 });
    expect(worker.status().state).not.toBe('paused');
    await expect(pausing).rejects.toMatchObject({
      code: 'ERR_PREFETCH_PAUSE_TIMEOUT',
      message: expect.stringContaining('300 ms'),
    });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(world.states()).not.toContain('paused');
    redis.resume();
    await until(async () => (await world.version('item-00000')) === '2');
    primary.update('item-00000', { version: '3' });
    await until(async () => (await world.version('item-00000')) === '3');
  });

  it('resolves when Redis comes back in time, and holds', async () => {
    await stuck();
    const pausing = worker.pause({ timeoutMs: 10_000 });
    primary.update('item-00000', { version: '3' });
    redis.resume();
    await pausing;
    expect(worker.status().state).toBe('paused');
    expect(await world.version('item-00000')).toBe('2');
    worker.resume();
    await until(async () => (await world.version('item-00000')) === '3');
  });

  it('takes back only the pause that timed out', async () => {
    await stuck();
    const long = worker.pause({ timeoutMs: 10_000 });
    await expect(worker.pause({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_PREFETCH_PAUSE_TIMEOUT',
    });
    redis.resume();
    await long;
    expect(worker.status().state).toBe('paused');
    worker.resume();
    expect(worker.status().state).toBe('following');
  });

  it('times out too while the worker retries', async () => {
    redis.resume();
    await redis.kill();
    primary.update('item-00000', { version: '2' });
    await untilItWrites();
    expect(worker.status().state).toBe('retrying');
    await expect(worker.pause({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ERR_PREFETCH_PAUSE_TIMEOUT',
    });
    await redis.restart();
    await until(async () => (await world.version('item-00000')) === '2');
  });
});

describe('a paused worker', () => {
  let other: SyncWorld;
  let source: ScriptedSource<Item>;

  beforeEach(async () => {
    other = await SyncWorld.open(redis);
    source = new ScriptedSource<Item>();
  });

  afterEach(() => other.close());

  it('does not write rows of a reload either', async () => {
    const starting = other.started(source);
    (await source.snapshot()).answer('5').rows(item('a')).end();
    const scripted = await starting;
    const reloading = scripted.reload();
    const snapshot = (await source.snapshot(2)).answer('6');
    await until(() => snapshot.isHungry);
    await scripted.pause();
    snapshot.rows(item('a', 2), item('b', 2)).end();
    await othersAreDone();
    expect(await other.version('a')).toBe('1');
    scripted.resume();
    expect(await reloading).toMatchObject({ loaded: 2, removed: 0 });
    expect(await other.version('b')).toBe('2');
  });

  it('can be paused while it starts', async () => {
    const scripted = other.worker(source);
    const starting = scripted.start();
    const snapshot = (await source.snapshot()).answer('5').rows(item('a'));
    await until(() => snapshot.isHungry);
    await scripted.pause();
    snapshot.rows(item('b')).end();
    await othersAreDone();
    expect(await other.version('b')).toBeUndefined();
    scripted.resume();
    await starting;
    expect(await other.version('b')).toBe('1');
  });
});
