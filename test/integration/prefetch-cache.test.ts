import { type CacheStats, PrefetchCache, type PrefetchEvent, subscribe } from '../../src/index.js';
import { type Category, beverages, categories, category, categorySchema } from '../support/category.js';
import { layouts } from '../support/item.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});
afterAll(() => redis.stop());

describe.each(layouts)('a PrefetchCache in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Category>;

  beforeEach(() => {
    prefix = uniquePrefix();
    cache = new PrefetchCache({ client, schema: categorySchema(prefix, layout), ttlSeconds: 600 });
  });

  describe('get()', () => {
    it('finds a record as it was put in', async () => {
      await cache.bulkLoad(categories);
      for (const record of categories) {
        await expect(cache.get(record.id)).resolves.toEqual({
          outcome: 'hit',
          record,
          redisLatencyMs: expect.any(Number),
        });
      }
    });

    it('gives every caller a record of its own', async () => {
      await cache.bulkLoad(categories);
      const [first, second] = await Promise.all([cache.get('cat-001'), cache.get('cat-001')]);
      present(first.record).name = 'changed';
      expect(second.record).toEqual(beverages);
    });

    it('says how long Redis took', async () => {
      await cache.bulkLoad(categories);
      const startedAt = performance.now();
      const { redisLatencyMs } = await cache.get('cat-001');
      expect(redisLatencyMs).toBeGreaterThan(0);
      expect(redisLatencyMs).toBeLessThanOrEqual(performance.now() - startedAt);
    });

    it('misses only what the loaded dataset has not', async () => {
      await cache.bulkLoad(categories);
      await expect(cache.get('cat-404')).resolves.toEqual({
        outcome: 'miss',
        redisLatencyMs: expect.any(Number),
      });
    });

    it('is not-loaded before a load, even if records are there already', async () => {
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'not-loaded' });
      await cache.applyChange({ op: 'upsert', id: 'cat-001', record: beverages });
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
      await expect(cache.get('cat-002')).resolves.toMatchObject({ outcome: 'not-loaded' });
    });

    it('misses in a dataset that was loaded and is empty', async () => {
      await cache.bulkLoad([]);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
    });

    it.each(['', 'a b', 'archive:cat-001', '{x}'])('misses the impossible id %j', async (id) => {
      await expect(cache.get(id)).resolves.toEqual({ outcome: 'miss', redisLatencyMs: 0 });
    });

    it('misses what is no id at all', async () => {
      for (const id of [undefined, null, 5, {}]) {
        await expect(cache.get(id as never)).resolves.toMatchObject({ outcome: 'miss' });
      }
    });
  });

  describe('getMany()', () => {
    beforeEach(async () => {
      await cache.bulkLoad(categories);
    });

    it('finds records in the order asked, each once', async () => {
      const { records, ...rest } = hitOrMiss(
        await cache.getMany(['cat-003', 'cat-001', 'cat-003', 'cat-002']),
      );
      expect(records.map(({ id }) => id)).toEqual(['cat-003', 'cat-001', 'cat-002']);
      expect(rest).toEqual({ outcome: 'hit', missing: [], redisLatencyMs: expect.any(Number) });
      expect(records[1]).toEqual(beverages);
    });

    it('lists what is missing, in the order asked, each once', async () => {
      const ids = ['cat-404', 'cat-001', 'archive:x', 'cat-405', 'cat-404', ''];
      await expect(cache.getMany(ids)).resolves.toEqual({
        outcome: 'miss',
        records: [beverages],
        missing: ['cat-404', 'archive:x', 'cat-405', ''],
        redisLatencyMs: expect.any(Number),
      });
    });

    it('hits when nothing is asked', async () => {
      await expect(cache.getMany([])).resolves.toMatchObject({ outcome: 'hit', records: [], missing: [] });
    });

    it('is not-loaded when something is missing and the dataset is not loaded', async () => {
      await client.del(cache.dataset.keys.loadNote);
      await expect(cache.getMany(['cat-001', 'cat-404'])).resolves.toMatchObject({ outcome: 'not-loaded' });
      await expect(cache.getMany(['cat-001', 'cat-002'])).resolves.toMatchObject({ outcome: 'hit' });
    });

    it('misses impossible ids in a dataset that is not loaded, as get() does', async () => {
      await cache.clear();
      await expect(cache.getMany(['archive:x'])).resolves.toMatchObject({
        outcome: 'miss',
        missing: ['archive:x'],
      });
    });

    it('takes thousands', async () => {
      const ids = Array.from({ length: 5_000 }, (_, i) => `cat-${i}`);
      const { missing } = hitOrMiss(await cache.getMany([...ids, 'cat-005'], { deadlineMs: 10_000 }));
      expect(missing).toEqual(ids);
    });
  });

  describe('invalidate()', () => {
    it('removes one record, and says whether it was there', async () => {
      await cache.bulkLoad(categories);
      await expect(cache.invalidate('cat-001')).resolves.toBe(true);
      await expect(cache.invalidate('cat-001')).resolves.toBe(false);
      await expect(cache.invalidate('archive:x')).resolves.toBe(false);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
      await expect(cache.count()).resolves.toBe(4);
    });
  });

  describe('clear()', () => {
    it('removes all records, and then the dataset is not loaded', async () => {
      await cache.bulkLoad(categories);
      await expect(cache.clear()).resolves.toBe(5);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'not-loaded' });
      await expect(cache.loadNote()).resolves.toBeNull();
      await expect(cache.clear()).resolves.toBe(0);
      // who follows the journal reads there that everything is gone
      await expect(client.keys(`*${prefix}*`)).resolves.toEqual([cache.dataset.keys.journal]);
      expect(await client.ttl(cache.dataset.keys.journal)).toBeGreaterThan(0);
    });
  });

  it('ids() and count() go over all records, also while they are read', async () => {
    await cache.bulkLoad(Array.from({ length: 3_500 }, (_, i) => category(`cat-${i}`)));
    const ids: string[] = [];
    for await (const id of cache.ids()) {
      if (ids.length === 0) await expect(cache.get(id)).resolves.toMatchObject({ outcome: 'hit' });
      ids.push(id);
    }
    expect(new Set(ids).size).toBe(3_500);
    await expect(cache.count()).resolves.toBe(3_500);
    for await (const id of cache.ids()) {
      expect(id).toMatch(/^cat-/);
      break; // whoever has enough may stop
    }
  });

  it('ttlRemaining() says when a record expires', async () => {
    await cache.bulkLoad([beverages]);
    const seconds = present(await cache.ttlRemaining('cat-001'));
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThanOrEqual(600);
    await expect(cache.ttlRemaining('cat-404')).resolves.toBeNull();
    await expect(cache.ttlRemaining('archive:x')).resolves.toBeNull();
    await client.persist(`${prefix}:cat-001`);
    await expect(cache.ttlRemaining('cat-001')).resolves.toBe(Infinity);
  });

  it('loadNote() says when and from where the dataset was loaded', async () => {
    await expect(cache.loadNote()).resolves.toBeNull();
    const before = Date.now();
    await cache.bulkLoad(categories);
    const note = present(await cache.loadNote());
    expect(note).toMatchObject({ records: 5, from: 'bulk-load' });
    expect(Date.parse(note.loadedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(note.loadedAt)).toBeLessThanOrEqual(Date.now());
  });

  it('keeps its note no longer than the first record of the load', async () => {
    await cache.bulkLoad(categories);
    const noteMs = await client.pTTL(cache.dataset.keys.loadNote);
    expect(noteMs).toBeGreaterThan(590_000);
    expect(noteMs).toBeLessThanOrEqual(1_000 * present(await cache.ttlRemaining('cat-001')) + 5);
  });

  it('stats() count what happened, resetStats() begins anew', async () => {
    const none = cache.stats();
    await cache.get('cat-001');
    await cache.bulkLoad(categories);
    await cache.get('cat-001');
    await cache.get('cat-404');
    await cache.getMany(['cat-001', 'cat-002', 'cat-404', 'x:y']);
    const timestampMs = Date.now() - 1_000;
    await cache.applyChanges([
      { op: 'upsert', id: 'cat-006', record: category('cat-006'), timestampMs },
      { op: 'delete', id: 'cat-006', timestampMs },
      { op: 'invalid', raw: '?', reason: 'garbage', timestampMs },
    ]);
    const { syncLagMsAvg, syncLagMsMax, ...counts } = cache.stats();
    expect(counts).toEqual<Omit<CacheStats, 'syncLagMsAvg' | 'syncLagMsMax'>>({
      ...{ hits: 3, misses: 3, notLoaded: 1, unavailable: 0, hitRatePct: 50 },
      ...{ prefetched: 5, changesApplied: 2 },
    });
    expect(syncLagMsAvg).toBeGreaterThanOrEqual(1_000);
    expect(syncLagMsMax).toBeGreaterThanOrEqual(syncLagMsAvg);
    cache.resetStats();
    expect(cache.stats()).toEqual(none);
  });

  it('tells what it does to who listens', async () => {
    const events: PrefetchEvent[] = [];
    const unsubscribe = subscribe((event) => {
      if (event.dataset === prefix) events.push(event);
    });
    await cache.bulkLoad(categories);
    await cache.get('cat-001');
    await cache.getMany(['cat-002', 'cat-404']);
    await cache.applyChange({ op: 'delete', id: 'cat-005' });
    await cache.invalidate('cat-004');
    await cache.clear();
    unsubscribe();
    await cache.get('cat-001');
    expect(events.filter(({ type }) => type !== 'document-storage')).toMatchObject([
      { type: 'load-progress', loaded: 5, refused: 0 },
      { type: 'loaded', loaded: 5, refused: 0, removed: 0 },
      { type: 'lookup', id: 'cat-001', outcome: 'hit' },
      { type: 'lookup', id: 'cat-002', outcome: 'hit' },
      { type: 'lookup', id: 'cat-404', outcome: 'miss' },
      { type: 'applied', changes: [{ op: 'delete', id: 'cat-005' }], lagMs: null, position: null },
      { type: 'invalidated', id: 'cat-004' },
      { type: 'cleared', removed: 3 },
    ]);
  });
});

function hitOrMiss(lookup: Awaited<ReturnType<PrefetchCache<Category>['getMany']>>) {
  if (lookup.outcome === 'hit' || lookup.outcome === 'miss') return lookup;
  throw new Error(`It is ${lookup.outcome}.`);
}
