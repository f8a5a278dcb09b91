import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  redis = await startTestRedis({ private: true });
});

afterAll(async () => {
  await redis.stop();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** A worker that follows, has a change at hand, and cannot write it because Redis does not answer. */
async function stuckWorker(primary: MemoryPrimary<Item>) {
  const worker = await world.started(primary);
  redis.stall();
  primary.update('item-00000', { version: '2' });
  await until(() =>
    worker.pause({ timeoutMs: 50 }).then(
      () => {
        worker.resume();
        return false;
      },
      () => true,
    ),
  );
  return worker;
}

describe('stop()', () => {
  it('gives the same promise every time, and leaves no connection', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').rows(item('a')).end();
    const worker = await starting;
    const stopping = worker.stop();
    expect(worker.stop()).toBe(stopping);
    await stopping;
    expect(worker.stop(5)).toBe(stopping);
    expect(worker.status().state).toBe('stopped');
    expect(source.sessionsClosed).toBe(1);
    await world.withoutConnections();
    worker.resume();
    expect(worker.status().state).toBe('stopped');
    expect(await worker.lag()).toBeNull();
  });

  it('before start() is allowed, and start() is refused then', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(1) }));
    await worker.stop();
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    expect(worker.status().state).toBe('stopped');
    expect(await world.connections()).toEqual([]);
  });

  it.each([0, -1, NaN, Infinity, '5' as never])(
    'refuses a time of %p, and can then be called properly',
    async (timeoutMs) => {
      const worker = await world.started(new MemoryPrimary<Item>({ records: items(1) }));
      await expect(worker.stop(timeoutMs)).rejects.toMatchObject({ code: 'ERR_PREFETCH_OPTION' });
      expect(worker.status().state).toBe('following');
      await worker.stop();
      expect(worker.status().state).toBe('stopped');
      await world.withoutConnections();
    },
  );

  it('ends what is being written; the rest is applied by the next start without a load', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(5) });
    const worker = await world.started(primary, { maxBatch: 1 });
    for (let n = 2; n <= 300; n++) primary.update(`item-0000${n % 5}`, { version: String(n) });
    await until(async () => (await worker.lag())?.events !== 299);
    await worker.stop();
    const left = (await versionsIn(world.cache))['item-00000'];
    expect(left).not.toBe('300');
    primary.resetReads();

    await world.started(primary);
    await until(async () => (await world.version('item-00000')) === '300');
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
    expect(primary.reads).toBe(1);
  });

  it('while it starts ends the start: waiting for a snapshot', async () => {
    const source = new ScriptedSource<Item>();
    const worker = world.worker(source);
    const starting = expect(worker.start()).rejects.toMatchObject({
      code: 'ERR_PREFETCH_WORKER_STATE',
      message: expect.stringContaining('stopped'),
    });
    await source.snapshot();
    await worker.stop(1_000);
    await starting;
    expect(worker.status().state).toBe('stopped');
    await until(() => source.sessionsClosed === 1);
    await world.withoutConnections();
  });

  it('while it starts ends the start: between rows, with a source that does not heed the signal', async () => {
    const source = new ScriptedSource<Item>();
    source.heedsAbort = false;
    const worker = world.worker(source);
    const starting = expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    const snapshot = (await source.snapshot()).answer('5').rows(item('a'));
    await until(() => snapshot.isHungry);
    await worker.stop(1_000);
    await starting;
    expect(await world.cache.loadNote()).toBeNull();
    await world.withoutConnections();
    snapshot.rows(item('b')).end();
    await until(() => snapshot.isClosed);
    expect(await world.version('b')).toBeUndefined();
  });

  it('while it starts ends the start: in the same tick', async () => {
    const source = new ScriptedSource<Item>();
    const worker = world.worker(source);
    const starting = expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    await worker.stop(1_000);
    await starting;
    await until(() => source.sessions === source.sessionsClosed);
    await world.withoutConnections();
  });

  it('while it starts ends the start: waiting for a Redis that is gone', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(1) }));
    await redis.kill();
    const starting = expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    await until(() => worker.status().state === 'retrying');
    expect(await millisecondsOf(() => worker.stop(1_000))).toBeLessThan(1_000);
    await starting;
    await redis.restart();
    await until(() => world.client.isReady);
    await world.withoutConnections();
  });

  it('while it starts ends the start: connected to a Redis that is stalled', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(1) }));
    redis.stall();
    const starting = expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    expect(await millisecondsOf(() => worker.stop(300))).toBeLessThan(1_000);
    await starting;
    redis.resume();
    await world.withoutConnections();
  });

  it('while it reloads rejects the reload, and the next start loads again', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').rows(item('a')).end();
    const worker = await starting;
    const reloading = expect(worker.reload()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    const snapshot = (await source.snapshot(2)).answer('7').rows(item('a', 2));
    await until(() => snapshot.isHungry);
    await worker.stop(1_000);
    await reloading;
    expect(await world.version('a')).toBe('2');
    expect(await world.isMarked()).toBe(true);

    const again = world.started(source);
    (await source.snapshot(3)).answer('8').rows(item('a', 3)).end();
    await again;
    expect(await world.isMarked()).toBe(false);
  });

  it('while it is paused, with a change waiting, returns at once', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    const worker = await world.started(primary);
    await worker.pause();
    primary.update('item-00000', { version: '2' });
    expect(await millisecondsOf(() => worker.stop(5_000))).toBeLessThan(1_000);
    expect(await world.version('item-00000')).toBe('1');
    await world.started(primary);
    await until(async () => (await world.version('item-00000')) === '2');
  });

  it('returns in its time when Redis is stalled; what was not applied is applied later', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    const worker = await stuckWorker(primary);
    const tookMs = await millisecondsOf(() => worker.stop(300));
    redis.resume();
    expect(tookMs).toBeGreaterThan(250);
    expect(tookMs).toBeLessThan(1_000);
    await world.withoutConnections();
    await world.started(primary);
    await until(async () => (await world.version('item-00000')) === '2');
  });

  it('returns in its time when Redis is gone, and the process is not kept alive by retries', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    const worker = await world.started(primary);
    await redis.kill();
    primary.update('item-00000', { version: '2' });
    await until(() => worker.status().state === 'retrying');
    expect(await millisecondsOf(() => worker.stop(500))).toBeLessThan(1_000);
    expect(worker.status().state).toBe('stopped');
    await redis.restart();
    await until(() => world.client.isReady);
    await world.withoutConnections();
  });

  it('after a failure leaves the error to be read', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').end();
    const worker = await starting;
    source.failFeed(new Error('boom'));
    source.onOpen = () => {
      throw new Error('boom again');
    };
    await until(() => worker.status().error?.message.includes('boom again'));
    expect(worker.status().state).toBe('retrying');
    expect(await millisecondsOf(() => worker.stop())).toBeLessThan(1_000);
    expect(worker.status()).toMatchObject({ state: 'stopped', error: { code: 'ERR_PREFETCH_SOURCE' } });
    await world.withoutConnections();
  });
});
