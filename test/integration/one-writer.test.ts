import { createClient } from 'redis';
import { PrefetchCache, SyncOperator, SyncWorker } from '../../src/index.js';
import { RedisStreamSource } from '../../src/sources/redis-stream/index.js';
import { type Item, item, items, versionsIn } from '../support/item.js';
import { rowsKey } from '../support/redis-primary-snapshot.js';
import { RedisPrimary } from '../support/redis-primary.js';
import { type TestClient, type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

const takeoverMs = 1_000;

let redis: TestRedis;
let primaryRedis: TestRedis;
let primaryClient: TestClient;
let proxy: TcpProxy;
let world: SyncWorld;
let primary: RedisPrimary;
let operator: SyncOperator<Item>;
let processes: WorkerProcess[];

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  primaryRedis = await startTestRedis({ private: true });
  primaryClient = await primaryRedis.client();
  proxy = await startTcpProxy(redis.port);
});

afterAll(async () => {
  await proxy.close();
  await redis.stop();
  await primaryRedis.stop();
});

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  primary = new RedisPrimary(primaryClient, world.cache.name);
  await primary.upsert(...items(5));
  operator = new SyncOperator({ cache: world.cache });
  processes = [];
});

afterEach(async () => {
  proxy.release();
  await Promise.all(processes.map((process) => process.kill()));
  await world.close();
});

function workerHere(name: string): SyncWorker<Item> {
  return world.worker(new RedisStreamSource(primary.sourceOptions), { takeoverMs, name });
}

/** A worker in a process of its own, whose Redis is behind the proxy. */
function workerElsewhere(): WorkerProcess {
  const process = new WorkerProcess({
    redisUrl: proxy.url,
    dataset: world.cache.name,
    layout: 'HASH',
    ttlSeconds: 600,
    primary: { url: primaryRedis.url, name: world.cache.name, pauseMs: 0 },
    worker: { takeoverMs },
  });
  processes.push(process);
  return process;
}

async function cacheIs(versions: Record<string, string>): Promise<void> {
  await until(async () => JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versions));
}

async function writersInJournal(): Promise<string[]> {
  const { entries } = await world.cache.journal({ limit: 1_000 });
  return [...new Set(entries.map(({ by }) => by))];
}

describe('of two workers', () => {
  it('one writes, and the other stands by with the dataset loaded', async () => {
    const [a, b] = [workerHere('a'), workerHere('b')];
    await Promise.all([a.start(), b.start()]);
    expect([a.status().state, b.status().state].sort()).toEqual(['following', 'standby']);
    const writer = a.status().state === 'following' ? 'a' : 'b';
    expect([a.status().writer, b.status().writer]).toEqual([writer, writer]);
    expect((await operator.status()).writer).toBe(writer);
    await primary.upsert(item('item-00000', 2));
    await until(async () => (await world.version('item-00000')) === '2');
    expect(await writersInJournal()).toEqual([writer]);
  });

  it('the other writes at once when the one stops', async () => {
    const [a, b] = [workerHere('a'), workerHere('b')];
    await a.start();
    await b.start();
    const startedAt = performance.now();
    await a.stop();
    await until(() => b.status().state === 'following');
    expect(performance.now() - startedAt).toBeLessThan(takeoverMs / 2);
    await primary.upsert(item('item-00000', 2));
    await until(async () => (await world.version('item-00000')) === '2');
    expect(b.status().lastLoad).toBeNull(); // it goes on at the checkpoint
  });

  it('the other stands by as long as it is paused', async () => {
    const [a, b] = [workerHere('a'), workerHere('b')];
    await a.start();
    await b.start();
    await b.pause();
    await a.stop();
    const c = workerHere('c');
    await c.start();
    expect(c.status().state).toBe('following');
    b.resume();
    expect(b.status()).toMatchObject({ state: 'standby' });
    await c.stop();
    await until(() => b.status().state === 'following');
  });

  it('the other passes a reload on to the one that writes', async () => {
    const [a, b] = [workerHere('a'), workerHere('b')];
    await a.start();
    await b.start();
    await expect(b.reload()).resolves.toMatchObject({ loaded: 5, removed: 0 });
    await expect(b.reconcile()).resolves.toMatchObject({ compared: 5, missing: 0 });
    expect(a.status().lastLoad).toMatchObject({ loaded: 5 });
    expect(await writersInJournal()).toEqual(['a']);
  });
});

describe('a writer that', () => {
  it('is killed is followed within the time, without a gap', async () => {
    const writer = workerElsewhere();
    await writer.is('following');
    const standby = workerHere('standby');
    await standby.start();
    expect(standby.status().state).toBe('standby');
    await primary.upsert(item('item-00000', 2));
    await until(async () => (await world.version('item-00000')) === '2');
    await primary.upsert(item('item-00000', 3), item('item-00001', 3));
    const killedAt = performance.now();
    await writer.kill();
    await primary.delete('item-00002');
    await until(() => standby.status().state === 'following');
    expect(performance.now() - killedAt).toBeLessThan(1.5 * takeoverMs);
    await cacheIs({ 'item-00000': '3', 'item-00001': '3', 'item-00003': '1', 'item-00004': '1' });
    expect(standby.status().lastLoad).toBeNull();
  });

  it.each<[string, (former: WorkerProcess) => void, (former: WorkerProcess) => void]>([
    [
      'was stalled between reading and writing, and wakes up',
      (former) => {
        former.stall();
      },
      (former) => {
        former.resume();
        proxy.release();
      },
    ],
    [
      'lost its network between reading and writing, and what it wrote arrives late',
      () => undefined,
      () => {
        proxy.release();
      },
    ],
  ])('%s, cannot write any more', async (_, befall, recover) => {
    const former = workerElsewhere();
    await former.is('following');
    const successor = workerHere('successor');
    await successor.start();
    proxy.holdRequests();
    await primary.upsert(item('item-00000', 2), item('item-00001', 2));
    await until(() => proxy.holds('item-00001')); // read and mapped, and on its way
    befall(former);
    await until(() => successor.status().state === 'following');
    await primary.upsert(item('item-00000', 3));
    await primary.delete('item-00001');
    const expected = { 'item-00000': '3', 'item-00002': '1', 'item-00003': '1', 'item-00004': '1' };
    await cacheIs(expected);
    const checkpoint = await world.checkpoint();
    recover(former);
    await former.is('standby');
    await cacheIs(expected);
    expect(await world.checkpoint()).toBe(checkpoint);
    expect(successor.status().state).toBe('following');
    const { entries } = await world.cache.journal({ limit: 1_000 });
    const byTheFormer = entries.filter(({ by }) => by !== 'successor');
    expect(byTheFormer.map(({ cause }) => cause)).toEqual(['prefetch']);
    await primary.upsert(item('item-00000', 4));
    await until(async () => (await world.version('item-00000')) === '4');
  });

  it('stalled for a moment that is shorter than the lease goes on', async () => {
    const writer = workerElsewhere();
    await writer.is('following');
    writer.stall();
    await primary.upsert(item('item-00000', 2));
    writer.resume();
    await until(async () => (await world.version('item-00000')) === '2');
    expect(writer.state).toBe('following');
  });
});

it('a worker that is to load anew and finds another writing has that one do it', async () => {
  const [a, b] = [workerHere('a'), workerHere('b')];
  await a.start();
  expect(a.status().lastLoad).toMatchObject({ loaded: 5 });
  await world.client.del(world.cache.dataset.keys.record('item-00003'));
  await b.start({ reload: true });
  expect(await world.version('item-00003')).toBe('1');
  expect(b.status()).toMatchObject({ state: 'standby', lastLoad: null });
});

describe('an operator in another process', () => {
  it('has a reload, a comparison and its repair done', async () => {
    await workerElsewhere().is('following');
    await expect(operator.reload()).resolves.toMatchObject({ loaded: 5, refused: 0, removed: 0 });
    await world.client.del(world.cache.dataset.keys.record('item-00003'));
    await expect(operator.reconcile()).resolves.toMatchObject({ missing: 1, repaired: 0 });
    await expect(operator.reconcile({ repair: true })).resolves.toMatchObject({ missing: 1, repaired: 1 });
    expect(await world.version('item-00003')).toBe('1');
  });

  it('hears what was refused, and may insist', async () => {
    await workerElsewhere().is('following');
    // Rows vanish, and no change tells of it.
    await primaryClient.hDel(rowsKey(world.cache.name), ['item-00000', 'item-00001', 'item-00002']);
    await expect(operator.reload()).rejects.toMatchObject({ code: 'ERR_PREFETCH_RELOAD_REFUSED' });
    expect(Object.keys(await versionsIn(world.cache))).toHaveLength(5);
    await expect(operator.reload({ force: true })).resolves.toMatchObject({ loaded: 2, removed: 3 });
    await cacheIs({ 'item-00003': '1', 'item-00004': '1' });
  });

  it('is told when no worker answers', async () => {
    const asked = operator.reload({ timeoutMs: 200 });
    await expect(asked).rejects.toMatchObject({ code: 'ERR_PREFETCH_NO_WRITER' });
    const late = workerElsewhere();
    await late.is('following');
    // What nobody waits for any more is not done.
    await until(async () => (await world.client.xLen(world.cache.dataset.keys.commands)) === 0);
    expect((await operator.status()).load?.records).toBe(5);
  });

  it('is told so in time, also when Redis is not there at all', async () => {
    proxy.down();
    const client = createClient({ url: proxy.url }).on('error', () => undefined);
    void client.connect().catch(() => undefined);
    const { schema } = world.cache.dataset;
    const far = new SyncOperator({ cache: new PrefetchCache({ client, schema }) });
    const startedAt = performance.now();
    await expect(far.reload({ timeoutMs: 300 })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_PREFETCH_(NO_WRITER|UNAVAILABLE)$/) as string,
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    proxy.up();
    client.destroy();
  });

  it('hears what went wrong with the source', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { takeoverMs });
    (await source.snapshot()).answer('10').rows(item('a')).end();
    await starting;
    const asked = operator.reload();
    (await source.snapshot(2)).refuse(new Error('relation "item" does not exist'));
    await expect(asked).rejects.toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining('relation') as string,
    });
  });

  it('sees who writes, how far, and when it was last heard of', async () => {
    expect(await operator.status()).toMatchObject({ writer: null, stalenessMs: Infinity, load: null });
    const worker = workerHere('a');
    await worker.start();
    await until(async () => (await operator.status()).stalenessMs < takeoverMs);
    expect(await operator.status()).toMatchObject({
      writer: 'a',
      load: { records: 5 },
      position: worker.status().position,
      isReloading: false,
      changes: { received: 0, applied: 0, dead: 0, waiting: 0 },
    });
    await worker.stop();
    expect((await operator.status()).writer).toBeNull();
  });
});

it('commands of who stands by are done once, by the next writer if the one dies', async () => {
  const dying = workerElsewhere();
  await dying.is('following');
  dying.stall();
  const asked = operator.reload({ timeoutMs: 20_000 });
  const next = workerHere('next');
  await next.start();
  await until(() => next.status().state === 'following');
  await expect(asked).resolves.toMatchObject({ loaded: 5 });
  expect(next.status().lastLoad).toMatchObject({ loaded: 5 });
});

it('a writer whose line is dead without a word says so, and makes a new connection', async () => {
  const client = createClient({ url: proxy.url }).on('error', () => undefined);
  await client.connect();
  const { schema, ttlSeconds } = world.cache.dataset;
  const cache = new PrefetchCache({ client, schema, ttlSeconds });
  const source = new RedisStreamSource(primary.sourceOptions);
  const worker = new SyncWorker({ cache, source, takeoverMs: 400, name: 'a' });
  await worker.start();
  const made = proxy.connectionsMade;
  proxy.holdRequests();
  proxy.holdReplies();
  await until(() => worker.status().state === 'retrying');
  expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_DEADLINE' });
  await until(() => proxy.connectionsMade > made);
  await primary.upsert(item('item-00000', 2));
  proxy.release();
  await until(() => worker.status().state === 'following');
  await until(async () => (await world.version('item-00000')) === '2');
  await worker.stop();
  client.destroy();
});
