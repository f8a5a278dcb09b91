import { PrefetchCache, SyncWorker } from '../../src/index.js';
import { RedisStreamSource } from '../../src/sources/redis-stream/index.js';
import { Clients } from '../support/clients.js';
import { type Item, item, itemSchema, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { StreamWorld } from '../support/stream-world.js';
import { SyncWorld } from '../support/sync-world.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describe.each(layouts)('a worker on a Redis stream (%s)', (layout) => {
  let redis: TestRedis;
  let world: SyncWorld;
  let feed: StreamWorld;
  let primary: Map<string, Item>;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
  });

  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
    feed = await StreamWorld.open(redis);
    primary = new Map(items(5).map((record) => [record.id, record]));
  });

  afterEach(async () => {
    await world.close();
    await feed.close();
  });

  afterAll(() => redis.stop());

  const source = () => feed.source({ snapshot: () => primary.values() });
  const isCurrent = async () =>
    JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versionsOf(primary.values()));

  /** As an application does it: first the primary, then the stream. */
  const write = async (record: Item) => {
    primary.set(record.id, record);
    return feed.publish({ op: 'upsert', id: record.id, record });
  };
  const remove = async (id: string) => {
    primary.delete(id);
    return feed.publish({ op: 'delete', id });
  };

  it('applies what is published, each batch with its checkpoint, and trims what is applied', async () => {
    const worker = await world.started(source());
    await until(isCurrent);
    await write(item('item-00001', 2));
    await write(item('new'));
    await feed.publish({ op: 'upsert', id: 'new', record: { version: '7' }, partial: true });
    primary.set('new', item('new', 7));
    const last = await remove('item-00002');
    await until(isCurrent);
    await until(async () => (await world.checkpoint()) === last);
    await until(async () => (await feed.entries()).length === 1);
    expect(await feed.entries()).toEqual([last]);
    expect(await worker.lag()).toEqual({ events: 0, ms: 0 });
    expect(await world.cache.get('new')).toMatchObject({ record: item('new', 7) });
    expect((await world.cache.get('item-00002')).outcome).toBe('miss');
    primary.clear();
    await feed.publish({ op: 'truncate' });
    await until(isCurrent);
  });

  it('goes on at its checkpoint, without a load', async () => {
    await (await world.started(source())).stop();
    await write(item('item-00001', 2));
    await remove('item-00002');
    await write(item('new'));
    const worker = await world.started(source());
    await until(isCurrent);
    expect(world.told('loaded')).toHaveLength(1);
    await worker.stop();
    await until(async () => (await world.connections()).length === 1); // the producer's
  });

  it('loads again when the stream does not reach back to its checkpoint', async () => {
    await (await world.started(source())).stop();
    await write(item('item-00001', 2));
    await remove('item-00002');
    await write(item('new'));
    await feed.client.xTrim(feed.stream, 'MAXLEN', 1);
    await world.started(source());
    expect(world.told('loaded')).toHaveLength(2);
    expect(await isCurrent()).toBe(true);
    await write(item('new', 2));
    await until(isCurrent);
  });

  it('never goes on silently when the stream is gone, and heals by a load', async () => {
    const worker = await world.started(source());
    primary.delete('item-00002'); // nobody will ever tell
    await feed.client.del(feed.stream);
    await until(isCurrent);
    await until(() => worker.status().state === 'following');
    expect(world.told('loaded')).toHaveLength(2);
    expect(world.told('worker-error')).toMatchObject([{ error: { code: 'ERR_PREFETCH_SOURCE' } }]);
    await write(item('new', 2));
    await until(isCurrent);
  });

  it('loses nothing that is written while it loads', async () => {
    const slow = feed.source({
      snapshot: async function* () {
        for (const id of [...primary.keys()]) {
          await write(item(`during-${id}`));
          await write(item(id, 2));
          const record = primary.get(id);
          await write(item(id, 3));
          await remove('item-00004');
          if (record) yield record;
        }
      },
    });
    await world.started(slow);
    await until(isCurrent);
    expect(primary.has('item-00004')).toBe(false);
  });
});

describe('workers on a Redis stream that crash', () => {
  const clients = new Clients();
  const begun: { worker: SyncWorker<Item>; proxy: TcpProxy }[] = [];
  let redis: TestRedis;
  let world: SyncWorld;
  let feed: StreamWorld;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
    world = await SyncWorld.open(redis);
    feed = await StreamWorld.open(redis);
  });

  afterAll(async () => {
    for (const { worker, proxy } of begun) {
      await worker.stop(100);
      await proxy.close();
    }
    await world.close();
    await feed.close();
    clients.closeAll();
    await redis.stop();
  });

  it('lose no change, and apply none twice', async () => {
    const prefix = world.cache.name;
    const written = new Map<string, number>();
    let writes = 0;
    const watcher = await redis.client();
    await watcher.configSet('notify-keyspace-events', 'Kh');
    await watcher.pSubscribe(`__keyspace@0__:${prefix}:*`, (event, channel) => {
      if (event !== 'hset') return;
      const id = channel.slice(channel.indexOf(prefix) + prefix.length + 1);
      written.set(id, (written.get(id) ?? 0) + 1);
      writes++;
    });

    const start = async () => {
      const proxy = await startTcpProxy(redis.port);
      const client = await clients.connect(proxy.url);
      const cache = new PrefetchCache({ client, schema: itemSchema(prefix, 'HASH'), ttlSeconds: 600 });
      const source = new RedisStreamSource<Item>({ client, stream: feed.stream, snapshot: () => [] });
      const worker = new SyncWorker({ cache, source, maxBatch: 7, takeoverMs: 300 });
      begun.push({ worker, proxy });
      await worker.start();
      return { worker, proxy };
    };

    const [ids, rounds] = [40, 30];
    let running = await start();
    const publishing = (async () => {
      for (let version = 1; version <= rounds; version++) {
        for (let n = 0; n < ids; n++) {
          const record = item(`r${n}`, version);
          await feed.publish({ op: 'upsert', id: record.id, record });
        }
      }
    })();
    for (let crash = 1; crash <= 20; crash++) {
      await until(() => writes >= crash * 50 + (crash % 7), 20_000);
      running.proxy.down(); // nothing that it sends from now on arrives; what has arrived is done first
      await until(async () => (await world.connections()).length === 2);
      running = await start();
    }
    await publishing;
    const { worker } = running;
    await until(async () => (await worker.lag())?.events === 0, 20_000);

    const expected = Object.fromEntries(Array.from({ length: ids }, (_, n) => [`r${n}`, String(rounds)]));
    expect(await versionsIn(world.cache)).toEqual(Object.fromEntries(Object.entries(expected).sort()));
    await until(() => writes >= ids * rounds);
    expect(Object.fromEntries(written)).toEqual(
      Object.fromEntries(Array.from({ length: ids }, (_, n) => [`r${n}`, rounds])),
    );
    expect(world.told('loaded')).toHaveLength(1);
  });
});
