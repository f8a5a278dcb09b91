import { PrefetchCache } from '../../src/index.js';
import { type Category, categories, category, categorySchema } from '../support/category.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis } from '../support/redis.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  client = await redis.client();
});
beforeEach(() => client.flushAll());
afterAll(() => redis.stop());

/** Each of them goes on from, or matches in a glob, one of the others. */
const names = [
  'cache:category',
  'cache:category:archive',
  'cache:category:archive:old',
  'cache:categories',
  'cache',
  'cache:*',
  'cache:[x]*?',
  'cache:x',
  'cache:xyz',
  'cache:\\*',
  'cache:c^t',
  'cache:[^c]ategory',
  'Cache:category',
  'kategorie:größe',
];

describe.each(layouts)('datasets in the layout %s', (layout) => {
  function cacheNamed(name: string): PrefetchCache<Category> {
    return new PrefetchCache({ client, schema: categorySchema(name, layout) });
  }

  async function idsIn(name: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of cacheNamed(name).ids()) ids.push(id);
    return ids.sort();
  }

  /** One record of its own and one whose id is the same everywhere, in every dataset. */
  async function loadAll(): Promise<void> {
    for (const [i, name] of names.entries()) {
      await cacheNamed(name).bulkLoad([category(`own-${i}`), category('same', { name })]);
    }
  }

  it('see their own records only', async () => {
    await loadAll();
    for (const [i, name] of names.entries()) {
      await expect(idsIn(name)).resolves.toEqual([`own-${i}`, 'same']);
      await expect(cacheNamed(name).count()).resolves.toBe(2);
      await expect(cacheNamed(name).get('same')).resolves.toMatchObject({ outcome: 'hit', record: { name } });
      await expect(cacheNamed(name).get(`own-${i + 1}`)).resolves.toMatchObject({ outcome: 'miss' });
    }
  });

  it.each(names)('clear() of %s touches its own records only', async (name) => {
    await loadAll();
    await expect(cacheNamed(name).clear()).resolves.toBe(2);
    for (const other of names) {
      const isOther = other !== name;
      await expect(cacheNamed(other).count()).resolves.toBe(isOther ? 2 : 0);
      await expect(cacheNamed(other).loadNote()).resolves.toEqual(isOther ? expect.anything() : null);
    }
  });

  it('a truncate touches its own records only', async () => {
    await loadAll();
    await cacheNamed('cache:category').applyChange({ op: 'truncate' });
    await expect(cacheNamed('cache:category').count()).resolves.toBe(0);
    await expect(cacheNamed('cache:category:archive').count()).resolves.toBe(2);
  });

  it('no id reads or removes a record of another', async () => {
    await cacheNamed('cache:category:archive').bulkLoad(categories);
    const cache = cacheNamed('cache:category');
    await cache.bulkLoad([category('cat-009')]);
    await expect(cache.get('archive:cat-001')).resolves.toMatchObject({ outcome: 'miss' });
    await expect(cache.getMany(['archive:cat-001'])).resolves.toMatchObject({ missing: ['archive:cat-001'] });
    await expect(cache.invalidate('archive:cat-001')).resolves.toBe(false);
    await expect(cache.ttlRemaining('archive:cat-001')).resolves.toBeNull();
    const report = await cache.applyChanges([
      { op: 'delete', id: 'archive:cat-001' },
      { op: 'upsert', id: 'archive:cat-002', record: category('archive:cat-002', { name: 'Overwritten' }) },
      { op: 'upsert', id: 'archive:cat-003', record: { name: 'Overwritten' }, partial: true },
    ]);
    expect(report).toMatchObject({ applied: 0, refusals: [{}, {}, {}] });
    for (const record of categories) {
      await expect(cacheNamed('cache:category:archive').get(record.id)).resolves.toMatchObject({ record });
    }
  });

  it('nothing but record keys lies under the prefix, and all else under one hash tag', async () => {
    const cache = cacheNamed('cache:category');
    await cache.bulkLoad(categories);
    await cache.applyChange({ op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true });
    const keys = (await client.keys('*')).sort();
    expect(keys).toEqual([
      ...categories.map(({ id }) => `cache:category:${id}`),
      'prefetch:{cache:category}:journal',
      'prefetch:{cache:category}:loaded',
    ]);
  });

  it('ids of another form are possible, by option, and then anything that fits is a record', async () => {
    const numbered = new PrefetchCache<Category>({
      client,
      schema: categorySchema('cache:numbered', layout),
      idPattern: /^\d+\.\d+$/,
    });
    const { refusals } = await numbered.bulkLoad([category('1.5'), category('cat-001')]);
    expect(refusals).toMatchObject([{ reason: 'the id "cat-001" is not allowed' }]);
    await expect(numbered.get('1.5')).resolves.toMatchObject({ outcome: 'hit' });
    await expect(numbered.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
    await client.set('cache:numbered:stranger', 'not ours');
    await expect(numbered.count()).resolves.toBe(1);
    await expect(numbered.clear()).resolves.toBe(1);
    await expect(client.get('cache:numbered:stranger')).resolves.toBe('not ours');
  });
});
