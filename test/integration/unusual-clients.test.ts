import { RESP_TYPES } from 'redis';
import { PrefetchCache, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { layouts } from '../support/item.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { everything, everythingSchema } from '../support/redis-om-values.js';

const clients = new Clients();
let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  clients.closeAll();
  await redis.stop();
});

const unusual: [string, object][] = [
  ['RESP 2', { RESP: 2 }],
  ['RESP 3', { RESP: 3 }],
  ['texts as Buffers', { commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } }],
  ['RESP 2 and Buffers', { RESP: 2, commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } }],
  ['hashes as Maps', { commandOptions: { typeMapping: { [RESP_TYPES.MAP]: Map } } }],
  ['numbers as texts', { commandOptions: { typeMapping: { [RESP_TYPES.NUMBER]: String } } }],
  ['a short timeout for commands', { commandOptions: { timeout: 1_000 } }],
  ['a bound on its queue', { commandsQueueMaxLength: 10_000 }],
  ['no queue while offline', { disableOfflineQueue: true }],
];

describe.each(unusual)('a client with %s', (_, options) => {
  it.each(layouts)('does all the same, in %s', async (layout) => {
    const client = await clients.connect(redis.url, options);
    const cache = new PrefetchCache<Category>({ client, schema: categorySchema(uniquePrefix(), layout) });
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'not-loaded' });
    await expect(cache.bulkLoad(categories)).resolves.toMatchObject({ loaded: 5 });
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
    await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
    await expect(cache.getMany(['cat-001', 'x'])).resolves.toMatchObject({
      records: [beverages],
      missing: ['x'],
    });
    await cache.applyChange({ op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true });
    await expect(cache.get('cat-001')).resolves.toMatchObject({ record: { ...beverages, name: 'Drinks' } });
    expect(await cache.ttlRemaining('cat-001')).toBeGreaterThan(3_500);
    await expect(cache.loadNote()).resolves.toMatchObject({ records: 5 });
    await expect(cache.count()).resolves.toBe(5);
    await expect(cache.invalidate('cat-001')).resolves.toBe(true);
    await expect(cache.clear()).resolves.toBe(4);
  });

  it.each(layouts)('reads records of all types, in %s', async (layout) => {
    const client = await clients.connect(redis.url, options);
    const cache = new PrefetchCache({ client, schema: everythingSchema(uniquePrefix('cache:all'), layout) });
    await cache.bulkLoad([everything]);
    await expect(cache.get(everything.id)).resolves.toMatchObject({ outcome: 'hit', record: everything });
  });
});

it('a client that chose another database has its worker write there', async () => {
  const client = await clients.connect(redis.url);
  await client.select(3);
  const cache = new PrefetchCache<Category>({ client, schema: categorySchema(uniquePrefix(), 'JSON') });
  const worker = new SyncWorker({ cache, source: new MemoryPrimary<Category>({ records: categories }) });
  await worker.start();
  await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
  await worker.stop();
  await cache.clear();
});

describe.each(layouts)('a client that is not connected, in %s', (layout) => {
  const closed = {
    code: 'ERR_PREFETCH_CLIENT_CLOSED',
    message: expect.stringContaining('client.connect()') as string,
  };

  async function neverConnected() {
    return Promise.resolve(clients.make(redis.url));
  }

  async function closedAgain() {
    const client = await clients.connect(redis.url);
    await client.close();
    return client;
  }

  it.each([
    ['never was', neverConnected],
    ['is no more', closedAgain],
  ])('because it %s, is told so by every method', async (_, given) => {
    const client = await given();
    const cache = new PrefetchCache({ client, schema: categorySchema(uniquePrefix(), layout) });
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'unavailable', error: closed });
    await expect(cache.getMany(['cat-001'])).resolves.toMatchObject({
      outcome: 'unavailable',
      error: closed,
    });
    await expect(cache.bulkLoad(categories)).rejects.toMatchObject(closed);
    await expect(cache.applyChange({ op: 'delete', id: 'cat-001' })).rejects.toMatchObject(closed);
    await expect(cache.applyChanges([])).rejects.toMatchObject(closed);
    await expect(cache.invalidate('cat-001')).rejects.toMatchObject(closed);
    await expect(cache.clear()).rejects.toMatchObject(closed);
    await expect(cache.ids().next()).rejects.toMatchObject(closed);
    await expect(cache.count()).rejects.toMatchObject(closed);
    await expect(cache.ttlRemaining('cat-001')).rejects.toMatchObject(closed);
    await expect(cache.loadNote()).rejects.toMatchObject(closed);
    expect(cache.stats()).toMatchObject({ unavailable: 2 });
  });

  it('may be connected after the cache was made', async () => {
    const client = clients.make(redis.url);
    const cache = new PrefetchCache({ client, schema: categorySchema(uniquePrefix(), layout) });
    await client.connect();
    await cache.bulkLoad(categories);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
  });
});
