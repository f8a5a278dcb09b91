import type { SyncWorker } from '../../src/index.js';
import { RedisStreamSource } from '../../src/sources/redis-stream/index.js';
import { Clients } from '../support/clients.js';
import { type Item, item } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const takeoverMs = 400;

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

async function noteOfFreshness(): Promise<string | null> {
  return world.client.get(world.cache.dataset.keys.heartbeat);
}

/** From when the worker says that it tries again, nobody is told that the dataset is current. */
async function retries(worker: SyncWorker<Item>): Promise<void> {
  await until(() => worker.status().state === 'retrying');
  expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
  const last = await noteOfFreshness();
  await until(async () => (await world.cache.staleness()) > takeoverMs);
  expect([last, null]).toContain(await noteOfFreshness());
}

async function follows(worker: SyncWorker<Item>): Promise<void> {
  await until(() => worker.status().state === 'following');
  expect(worker.status().error).toBeNull();
  await until(async () => (await world.cache.staleness()) < takeoverMs);
}

describe('a worker whose source does not reach its primary', () => {
  it('says so once, and nothing of the dataset being current, until it does', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { takeoverMs });
    (await source.snapshot()).answer('10').rows(item('a')).end();
    const worker = await starting;
    await follows(worker);
    for (let outage = 1; outage <= 2; outage++) {
      source.isConnected = false;
      await retries(worker);
      expect(world.told('worker-error')).toHaveLength(outage);
      expect(await world.version('a')).toBe('1');
      source.isConnected = true;
      await follows(worker);
    }
    expect(source.sessions).toBe(1);
  });

  it('has no such trouble any more in the next term', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { takeoverMs });
    (await source.snapshot()).answer('10').rows(item('a')).end();
    const worker = await starting;
    source.isConnected = false;
    await retries(worker);
    source.onOpen = () => (source.isConnected = true);
    source.failFeed(new Error('the line is broken for good'));
    await follows(worker);
    expect(source.sessions).toBe(2);
  });

  it('is told of by a stream on another Redis', async () => {
    const clients = new Clients();
    const other = await startTestRedis({ private: true });
    const proxy = await startTcpProxy(other.port);
    try {
      const client = await clients.connect(proxy.url);
      const source = new RedisStreamSource<Item>({ client, stream: 'changes', snapshot: () => [item('a')] });
      const worker = await world.started(source, { takeoverMs });
      await follows(worker);
      proxy.down();
      await retries(worker);
      proxy.up();
      await follows(worker);
      await worker.stop();
    } finally {
      clients.closeAll();
      await proxy.close();
      await other.stop();
    }
  });
});
