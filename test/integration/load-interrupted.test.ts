import { PrefetchCache, SyncOperator, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, itemSchema, layouts } from '../support/item.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';
import { watchedClient } from '../support/watched-client.js';

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});
afterAll(() => redis.stop());

describe.each(layouts)('in the layout %s', (layout) => {
  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
  });
  afterEach(() => world.close());

  const losses: [string, () => Promise<unknown>][] = [
    ['flushed', () => world.client.flushAll()],
    ['cleared', () => world.cache.clear()],
  ];

  it.each(losses)('a dataset that is %s while bulkLoad() runs is not called loaded', async (_, lose) => {
    async function* records() {
      yield* items(600);
      await until(async () => (await world.cache.count()) > 0);
      await lose();
      yield* items(10);
    }
    await expect(world.cache.bulkLoad(records())).rejects.toMatchObject({
      code: 'ERR_PREFETCH_LOAD_INTERRUPTED',
      message: expect.stringContaining('Load it again'),
    });
    await expect(world.cache.get('nobody')).resolves.toMatchObject({ outcome: 'not-loaded' });
  });

  it.each(losses)('a dataset that is %s while a worker loads it is loaded once more', async (_, lose) => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    const first = (await source.snapshot()).answer('10').rows(item('a', 1));
    await until(async () => (await world.cache.count()) === 1);
    await lose();
    first.rows(item('b', 1)).end();
    const second = await source.snapshot(2);
    await expect(world.cache.get('a')).resolves.toMatchObject({ outcome: 'not-loaded' });
    second.answer('11').rows(item('a', 2), item('b', 2)).end();
    const worker = await starting;
    expect(await world.version('a')).toBe('2');
    expect(await world.version('b')).toBe('2');
    expect(worker.status()).toMatchObject({ state: 'following', lastLoad: { loaded: 2, refused: 0 } });
    await worker.stop();
  });

  it('what a worker loads while clear() still removes is not called loaded', async () => {
    await world.started(new MemoryPrimary<Item>({ records: items(3) }), { takeoverMs: 200 });
    const loads = () => world.told('loaded').length;
    let pages = 0;
    const slow = watchedClient(world.client, async ([name], send) => {
      if (name !== 'SCAN' || pages++ > 0) return send();
      await until(() => loads() === 2); // the worker has noticed, and loaded again
      return send();
    });
    const { schema } = world.cache.dataset;
    const seen = new Set<string>();
    const clearing = new PrefetchCache({ client: slow, schema }).clear();
    await until(async () => {
      seen.add((await world.cache.get('item-00000')).outcome);
      return loads() >= 3;
    });
    await clearing;
    await until(async () => (await world.cache.get('item-00000')).outcome === 'hit');
    expect(await world.cache.count()).toBe(3);
    expect([...seen].filter((outcome) => outcome === 'miss')).toEqual([]);
  });

  it('a dataset that is lost under a running worker comes back by itself', async () => {
    const { schema } = world.cache.dataset;
    const cache = new PrefetchCache({ client: world.client, schema, ttlSeconds: 1 });
    const worker = new SyncWorker({ cache, source: new MemoryPrimary<Item>({ records: items(3) }) });
    await worker.start();
    await world.client.flushAll();
    await until(async () => (await cache.get('item-00000')).outcome !== 'not-loaded');
    expect(await cache.count()).toBe(3);
    await worker.stop();
  });

  it('start({ reload: true }) brings a record of which a change could not be applied, and supersedes that', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(2) });
    const [first] = items(2);
    const operator = new SyncOperator({ cache: world.cache });
    const worker = await world.started(primary);
    primary.update(first!.id, { version: { not: 'text' } as never });
    await until(async () => (await operator.deadLetters.list()).length === 1);
    await worker.stop();
    primary.update(first!.id, { version: '7' });
    const other = world.worker(primary);
    await other.start({ reload: true });
    expect(await world.version(first!.id)).toBe('7');
    expect(other.status()).toMatchObject({ state: 'following', lastLoad: { loaded: 2, refused: 0 } });
    expect(await operator.deadLetters.list()).toMatchObject([{ recordId: first!.id, isSuperseded: true }]);
  });

  it('tells which records a load refused, and why', async () => {
    const bad = { ...item('bad', 1), version: { not: 'text' } as never };
    const worker = await world.started(new MemoryPrimary<Item>({ records: [item('good', 1), bad] }));
    const refusals = [{ subject: bad, reason: expect.stringContaining('version') as string }];
    expect(worker.status().lastLoad).toMatchObject({ loaded: 1, refused: 1, refusals });
    expect(world.told('loaded')).toMatchObject([{ loaded: 1, refused: 1, refusals }]);
    await expect(world.cache.loadNote()).resolves.toMatchObject({ records: 1 });
  });
});

describe('changes of some fields', () => {
  let source: ScriptedSource<Item>;
  let cache: PrefetchCache<Item>;
  let worker: SyncWorker<Item>;

  const kept = { name: 'as of the snapshot' };
  const partly = (id: string, record: Partial<Item>) =>
    ({ op: 'upsert', id, record, partial: true }) as const;

  beforeEach(async () => {
    world = await SyncWorld.open(redis);
    source = new ScriptedSource<Item>();
    cache = new PrefetchCache({ client: world.client, schema: itemSchema(uniquePrefix(), 'JSON') });
    worker = new SyncWorker({ cache, source });
  });
  afterEach(async () => {
    await worker.stop();
    await world.close();
  });

  it('wait in the first load for the record that they belong to', async () => {
    const starting = worker.start();
    const snapshot = (await source.snapshot()).answer('5');
    source.send(6, partly('a', { version: '6' }));
    await until(() => snapshot.isHungry);
    snapshot.rows({ ...item('a', 5), ...kept }).end();
    await starting;
    await until(() => source.acknowledged.includes('6'));
    await expect(cache.get('a')).resolves.toMatchObject({ record: { version: '6', ...kept } });
  });

  it('are merged into the row of a reload and not into what was there before it', async () => {
    const starting = worker.start();
    (await source.snapshot()).answer('1').rows(item('a', 1)).end();
    await starting;
    const reloading = worker.reload();
    const snapshot = (await source.snapshot(2)).answer('5');
    source.send(6, partly('a', { version: '6' }));
    snapshot.rows({ ...item('a', 5), ...kept }).end();
    await reloading;
    await until(() => source.acknowledged.includes('6'));
    await expect(cache.get('a')).resolves.toMatchObject({ record: { version: '6', ...kept } });
  });
});
