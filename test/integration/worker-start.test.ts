import { createClient } from 'redis';
import { PrefetchCache, PrefetchError, type RedisClient, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items } from '../support/item.js';
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

const boom = new Error('boom');

function throwing(): never {
  throw boom;
}

describe('start()', () => {
  it('is refused twice, and after stop()', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(1) }));
    const first = worker.start();
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    await first;
    await expect(worker.start()).rejects.toThrow(/start\(\) was called twice/);
    expect(worker.status().state).toBe('following');
    await worker.stop();
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
  });

  it.each<[string, (source: ScriptedSource<Item>) => Promise<void> | void]>([
    ['cannot be opened', (source) => void (source.onOpen = throwing)],
    ['cannot resume', (source) => void (source.onResume = throwing)],
    [
      'gives no snapshot',
      async (source) => {
        (await source.snapshot()).refuse(boom);
      },
    ],
    [
      'gives a snapshot that breaks off at once',
      async (source) => {
        (await source.snapshot()).answer('5').fail(boom);
      },
    ],
    [
      'gives a snapshot that breaks off between rows',
      async (source) => {
        (await source.snapshot()).answer('5').rows(item('a')).fail(boom);
      },
    ],
    [
      'breaks off its changes while it loads',
      async (source) => {
        (await source.snapshot()).answer('5').rows(item('a'));
        source.failFeed(boom);
      },
    ],
    [
      'ends its changes while it loads',
      async (source) => {
        (await source.snapshot()).answer('5').rows(item('a'));
        source.endFeed();
      },
    ],
  ])('fails when the source %s', async (_, script) => {
    const source = new ScriptedSource<Item>();
    const worker = world.worker(source);
    const [outcome] = await Promise.allSettled([worker.start(), script(source)]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(PrefetchError) });
    const { error, state } = worker.status();
    expect(outcome).toHaveProperty('reason', error);
    expect(error).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringMatching(/boom|ended its changes/),
    });
    expect(error?.cause).toBeInstanceOf(Error);
    expect(state).toBe('failed');
    expect(world.states()).toEqual(['starting', 'failed']);
    expect(world.told('worker-error').map((event) => event.error)).toEqual([error]);
    await until(() => source.sessionsClosed === source.sessions);
    await world.withoutConnections();
    expect(await world.cache.loadNote()).toBeNull();
    await worker.stop();
    await expect(worker.pause()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    await expect(worker.reload()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
  });

  it('fails when the client is closed', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(1) }));
    world.client.destroy();
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_CLIENT_CLOSED' });
    expect(worker.status().state).toBe('failed');
    await worker.stop();
    const admin = await redis.client();
    await until(async () => (await admin.clientList()).length === 1);
    admin.destroy();
  });

  it('fails when Redis refuses what a worker needs', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    await world.client.sendCommand(['ACL', 'SETUSER', 'default', '-evalsha', '-script']);
    try {
      const worker = world.worker(primary);
      await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_NO_PERMISSION' });
      expect(worker.status()).toMatchObject({
        state: 'failed',
        error: { code: 'ERR_PREFETCH_NO_PERMISSION' },
      });
      await world.withoutConnections();
    } finally {
      await world.client.sendCommand(['ACL', 'SETUSER', 'default', '+@all']);
    }
  });

  it('waits for a Redis that is not there yet', async () => {
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(3) }));
    await redis.kill();
    const starting = worker.start();
    await until(() => worker.status().state === 'retrying');
    expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    await redis.restart();
    await starting;
    expect(worker.status()).toMatchObject({ state: 'following', error: null });
    await until(async () => (await world.version('item-00002')) === '1');
  });

  it('fails when Redis is not there and the client would not wait', async () => {
    const client = Object.create(world.client, {
      duplicate: {
        value: () => createClient({ socket: { host: '127.0.0.1', port: 1, reconnectStrategy: false } }),
      },
    }) as RedisClient;
    const cache = new PrefetchCache({ client, schema: world.cache.dataset.schema });
    const worker = new SyncWorker({ cache, source: new MemoryPrimary<Item>({ records: items(3) }) });
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    expect(worker.status()).toMatchObject({ state: 'failed', error: { code: 'ERR_PREFETCH_UNAVAILABLE' } });
  });
});
