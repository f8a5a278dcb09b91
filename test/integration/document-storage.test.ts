import { PrefetchCache, type PrefetchEvent, subscribe } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { withDiary } from '../support/watched-client.js';

let plain: TestRedis;
let client: TestClient;

beforeAll(async () => {
  plain = await startTestRedis({ private: true });
  client = await plain.client();
});
afterAll(() => plain.stop());

function cacheOn(own: TestClient, documents?: 'auto' | 'native' | 'string'): PrefetchCache<Category> {
  return new PrefetchCache({ client: own, schema: categorySchema(uniquePrefix(), 'JSON'), documents });
}

describe('documents on a server without a JSON type', () => {
  it('are the text of the document, as one string', async () => {
    const cache = cacheOn(client);
    await cache.bulkLoad([beverages]);
    const key = cache.dataset.keys.record('cat-001');
    await expect(client.get(key)).resolves.toBe(
      '{"id":"cat-001","name":"Beverages","display_order":1,"featured":true,"parent_id":""}',
    );
    await expect(client.ttl(key)).resolves.toBeGreaterThan(3_500);
  });

  it('the server is asked once per client, and it is told', async () => {
    const own = await plain.client();
    const { client: watched, lines } = withDiary(own);
    const events: PrefetchEvent[] = [];
    const unsubscribe = subscribe((event) => events.push(event));
    const first = cacheOn(watched);
    await first.get('cat-001');
    await first.bulkLoad(categories);
    await cacheOn(watched).bulkLoad(categories);
    await cacheOn(watched).get('cat-001');
    unsubscribe();
    expect(lines.filter((line) => line === '> JSON.GET')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'document-storage')).toEqual([
      { type: 'document-storage', dataset: first.name, storage: 'string', at: expect.any(Number) },
    ]);
  });

  it('the server is not asked where it is said, nor for hashes', async () => {
    const { client: watched, lines } = withDiary(client);
    await cacheOn(watched, 'string').bulkLoad(categories);
    const schema = categorySchema(uniquePrefix(), 'HASH');
    const hash = new PrefetchCache({ client: watched, schema });
    await hash.bulkLoad(categories);
    await hash.get('cat-001');
    expect(lines.filter((line) => line.includes('JSON'))).toEqual([]);
  });

  it('cannot be native, and it is said which command is missing', async () => {
    const cache = cacheOn(client, 'native');
    const unsupported = { name: 'PrefetchError', code: 'ERR_PREFETCH_UNSUPPORTED_SERVER' };
    await expect(cache.get('cat-001')).resolves.toMatchObject({
      outcome: 'unavailable',
      error: { ...unsupported, message: expect.stringContaining('JSON.GET') as string },
    });
    await expect(cache.bulkLoad(categories)).rejects.toMatchObject(unsupported);
    await expect(cache.applyChange({ op: 'upsert', id: 'cat-001', record: beverages })).rejects.toMatchObject(
      unsupported,
    );
    await expect(cache.loadNote()).resolves.toBeNull();
  });
});

const sharedUrl = process.env['TEST_REDIS_URL'] ?? '';

(sharedUrl === '' ? describe.skip : describe)(
  'documents on a server with a JSON type (TEST_REDIS_URL)',
  () => {
    let redis: TestRedis;
    let native: TestClient;
    let hasJson = false;

    beforeAll(async () => {
      redis = await startTestRedis();
      native = await redis.client();
      hasJson = (await native.commandInfo(['json.get']))[0] !== null;
      if (!hasJson)
        process.stderr.write('The server of TEST_REDIS_URL has no JSON type: nothing native is tested.\n');
    });
    afterAll(() => redis.stop());

    it('are native, with a TTL, and read by others as JSON', async () => {
      if (!hasJson) return;
      const cache = cacheOn(native);
      await cache.bulkLoad(categories);
      const key = cache.dataset.keys.record('cat-001');
      await expect(native.type(key)).resolves.toMatch(/json/i);
      await expect(native.json.get(key, { path: '$.name' })).resolves.toEqual(['Beverages']);
      await expect(native.ttl(key)).resolves.toBeGreaterThan(3_500);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
      await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
    });

    it('replace strings and hashes, and those are incidents until then', async () => {
      if (!hasJson) return;
      const cache = cacheOn(native);
      await native.set(cache.dataset.keys.record('cat-001'), 'x');
      await native.hSet(cache.dataset.keys.record('cat-002'), 'id', 'cat-002');
      await expect(cache.get('cat-001')).rejects.toMatchObject({ code: 'ERR_PREFETCH_WRONG_TYPE' });
      await expect(cache.get('cat-002')).rejects.toMatchObject({ code: 'ERR_PREFETCH_WRONG_TYPE' });
      await cache.bulkLoad(categories);
      await expect(cache.getMany(['cat-001', 'cat-002'])).resolves.toMatchObject({ outcome: 'hit' });
    });

    it('may be strings, by option', async () => {
      const cache = cacheOn(native, 'string');
      await cache.bulkLoad(categories);
      await expect(native.type(cache.dataset.keys.record('cat-001'))).resolves.toBe('string');
    });
  },
);
