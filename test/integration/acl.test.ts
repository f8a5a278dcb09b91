import { PrefetchCache, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Category, beverages, categories, category, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { type Layout, layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const clients = new Clients();
let redis: TestRedis;
let admin: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  admin = await redis.client();
});
afterAll(async () => {
  clients.closeAll();
  await redis.stop();
});
beforeEach(async () => {
  await admin.flushAll();
  await admin.sendCommand(['ACL', 'LOG', 'RESET']);
});

/** What a web process needs that only looks up. */
const reader = (layout: Layout) => [
  '%R~cache:category:*',
  '%R~prefetch:{cache:category}:loaded',
  '+get',
  ...(layout === 'HASH' ? ['+hgetall'] : []),
];

/** What whoever writes needs, the worker included. */
const writer = (layout: Layout) => [
  '~cache:category:*',
  '~prefetch:{cache:category}:*',
  ...[
    '+get',
    '+set',
    '+setrange',
    '+del',
    '+unlink',
    '+expire',
    '+pexpireat',
    '+time',
    '+scan',
    '+eval',
    '+evalsha',
  ],
  ...(layout === 'HASH' ? ['+hgetall', '+hset'] : []),
];

async function connectAs(rules: readonly string[]): Promise<TestClient> {
  await admin.sendCommand(['ACL', 'SETUSER', 'tester', 'reset', 'on', '>secret', ...rules]);
  return clients.connect(redis.url, { username: 'tester', password: 'secret' });
}

/** Commands and keys that were refused, besides those with which a client introduces itself. */
async function refusedByServer(): Promise<string[]> {
  const log = await admin.aclLog();
  return log.map(({ object }) => object).filter((object) => !object.startsWith('client|'));
}

describe.each(layouts)('in the layout %s', (layout) => {
  const schema = categorySchema('cache:category', layout);

  function cacheOn(client: TestClient): PrefetchCache<Category> {
    return new PrefetchCache({ client, schema });
  }

  it('a user who may only read can do lookups of every outcome', async () => {
    const cache = cacheOn(await connectAs(reader(layout)));
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'not-loaded' });
    await cacheOn(admin).bulkLoad(categories);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
    await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
    await expect(cache.getMany(['cat-001', 'cat-404'])).resolves.toMatchObject({ missing: ['cat-404'] });
    await expect(cache.loadNote()).resolves.toMatchObject({ records: 5 });
    await expect(refusedByServer()).resolves.toEqual([]);
  });

  it('a user who may only read cannot write, and is told so', async () => {
    await cacheOn(admin).bulkLoad(categories);
    const cache = cacheOn(await connectAs(reader(layout)));
    const refused = {
      name: 'PrefetchError',
      code: 'ERR_PREFETCH_NO_PERMISSION',
      message: expect.stringContaining('The README lists') as string,
    };
    await expect(cache.bulkLoad(categories)).rejects.toMatchObject(refused);
    await expect(cache.applyChange({ op: 'delete', id: 'cat-001' })).rejects.toMatchObject(refused);
    await expect(cache.applyChange({ op: 'truncate' })).rejects.toMatchObject(refused);
    await expect(cache.invalidate('cat-001')).rejects.toMatchObject(refused);
    await expect(cache.clear()).rejects.toMatchObject(refused);
    await expect(cache.count()).rejects.toMatchObject(refused);
    await expect(cache.ttlRemaining('cat-001')).rejects.toMatchObject(refused);
    await expect(cacheOn(admin).getMany(categories.map(({ id }) => id))).resolves.toMatchObject({
      outcome: 'hit',
      records: categories,
    });
  });

  it('nothing of what the reader is given is more than it needs', async () => {
    await cacheOn(admin).bulkLoad(categories);
    for (const rule of reader(layout)) {
      const cache = cacheOn(await connectAs(reader(layout).filter((other) => other !== rule)));
      const outcomes = [(await cache.get('cat-001')).outcome, (await cache.get('cat-404')).outcome];
      expect(outcomes).toContain('unavailable');
    }
  });

  it.each([
    ['no permission for the command', ['%R~cache:category:*', '+ping']],
    ['no permission for the keys', ['%R~other:*', '+get', '+hgetall']],
  ])('a lookup with %s is unavailable, never a miss', async (_, rules) => {
    await cacheOn(admin).bulkLoad(categories);
    const cache = cacheOn(await connectAs(rules));
    await expect(cache.get('cat-404')).resolves.toMatchObject({
      outcome: 'unavailable',
      error: { code: 'ERR_PREFETCH_NO_PERMISSION' },
    });
  });

  it('a writing user can do everything', async () => {
    const cache = cacheOn(await connectAs([...writer(layout), '+pttl']));
    await expect(cache.bulkLoad(categories)).resolves.toMatchObject({ loaded: 5 });
    await cache.applyChanges([
      { op: 'upsert', id: 'cat-006', record: category('cat-006') },
      { op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true },
      { op: 'delete', id: 'cat-002' },
    ]);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ record: { ...beverages, name: 'Drinks' } });
    await expect(cache.ttlRemaining('cat-001')).resolves.toBeGreaterThan(3_500);
    await expect(cache.count()).resolves.toBe(5);
    await expect(cache.invalidate('cat-001')).resolves.toBe(true);
    await cache.applyChange({ op: 'truncate' });
    await expect(cache.clear()).resolves.toBe(0);
    await expect(refusedByServer()).resolves.toEqual([]);
  });

  it('a worker runs as the writing user: loads, follows, keeps alive, reloads', async () => {
    const client = await connectAs(writer(layout));
    const cache = new PrefetchCache({ client, schema, ttlSeconds: 1 });
    const primary = new MemoryPrimary<Category>({ records: categories, readLatencyMs: 0 });
    const worker = new SyncWorker({ cache, source: primary });
    await worker.start();
    primary.update('cat-001', { name: 'Drinks' });
    await until(async () => (await cache.get('cat-001')).record?.name === 'Drinks');
    const loadedAt = performance.now();
    await until(async () => {
      await expect(cache.get('cat-002')).resolves.toMatchObject({ outcome: 'hit' });
      return performance.now() - loadedAt > 1_500;
    });
    await worker.reload();
    await worker.stop();
    expect(worker.status().error).toBeNull();
    await expect(refusedByServer()).resolves.toEqual([]);
  });
});
