import { PrefetchCache } from '../../src/index.js';
import { type Category, category, categorySchema, manyCategories } from '../support/category.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  client = await redis.client();
});
afterAll(() => redis.stop());

/** Lets the server grow by that many bytes, and no more. */
async function leaveRoom(bytes: number): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
  await client.configSet('maxmemory', String(used + bytes));
}

async function leaveAllRoom(): Promise<void> {
  await client.configSet('maxmemory', '0');
}

const outOfMemory = { code: 'ERR_PREFETCH_UNAVAILABLE', message: expect.stringContaining('OOM') as string };
const count = 1_200;

describe.each(layouts)('a Redis that is full, in the layout %s', (layout) => {
  let cache: PrefetchCache<Category>;

  beforeEach(async () => {
    await client.flushAll();
    cache = new PrefetchCache({
      client,
      schema: categorySchema(uniquePrefix(), layout),
      ttlSeconds: 600,
      deadlineMs: 10_000,
    });
    await cache.bulkLoad(manyCategories(count));
  });
  afterEach(leaveAllRoom);

  /** Every record is there, as it was or as it should become. Returns how many have become. */
  async function renewed(name: string): Promise<number> {
    const old = [...manyCategories(count)];
    const lookup = await cache.getMany(old.map(({ id }) => id));
    expect(lookup).toMatchObject({ outcome: 'hit', missing: [] });
    const records = 'records' in lookup ? lookup.records : [];
    for (const [i, record] of records.entries()) {
      if (record.name !== name) expect(record).toEqual(old[i]);
    }
    const ttls = await Promise.all(records.map(({ id }) => cache.ttlRemaining(id)));
    expect(Math.min(...ttls.map(Number))).toBeGreaterThan(0);
    return records.filter((record) => record.name === name).length;
  }

  it('refuses a load before it has removed anything', async () => {
    await leaveRoom(-1_000_000);
    await expect(cache.bulkLoad(manyCategories(count, { name: 'new' }))).rejects.toMatchObject(outOfMemory);
    expect(await renewed('new')).toBe(0);
    await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
  });

  it('refuses a load midway, with every record as it was or as it becomes', async () => {
    const name = 'n'.repeat(4_000);
    await leaveRoom(2_500_000);
    await expect(cache.bulkLoad(manyCategories(count, { name }))).rejects.toMatchObject(outOfMemory);
    const done = await renewed(name);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(count);
  });

  it('refuses changes, and leaves what they were to change', async () => {
    await leaveRoom(-1_000_000);
    const upsert = {
      op: 'upsert',
      id: 'cat-000001',
      record: category('cat-000001', { name: 'new' }),
    } as const;
    await expect(cache.applyChange(upsert)).rejects.toMatchObject(outOfMemory);
    const partial = { op: 'upsert', id: 'cat-000001', record: { name: 'new' }, partial: true } as const;
    await expect(cache.applyChanges([partial])).rejects.toMatchObject(outOfMemory);
    expect(await renewed('new')).toBe(0);
  });

  it('still gives back what it holds, and removes records', async () => {
    await leaveRoom(-1_000_000);
    await expect(cache.get('cat-000001')).resolves.toMatchObject({ outcome: 'hit' });
    await expect(cache.invalidate('cat-000001')).resolves.toBe(true);
    await expect(cache.clear()).resolves.toBe(count - 1);
  });

  it('removes what the primary removed, which makes room', async () => {
    await leaveRoom(-1_000_000);
    await expect(cache.applyChange({ op: 'delete', id: 'cat-000001' })).resolves.toBeUndefined();
    await expect(cache.get('cat-000001')).resolves.toMatchObject({ outcome: 'miss' });
  });

  it('keeps records alive', async () => {
    const key = cache.dataset.keys.record('cat-000001');
    await client.expire(key, 5);
    await leaveRoom(-1_000_000);
    let renewed = 0;
    for await (const records of cache.repositoryOn(client).renewAll()) renewed += records;
    expect(renewed).toBeGreaterThanOrEqual(count);
    expect(await client.ttl(key)).toBeGreaterThan(500);
  });

  it('takes the load as soon as there is room', async () => {
    await leaveRoom(-1_000_000);
    await expect(cache.bulkLoad(manyCategories(count, { name: 'new' }))).rejects.toMatchObject(outOfMemory);
    await leaveAllRoom();
    await cache.bulkLoad(manyCategories(count, { name: 'new' }));
    expect(await renewed('new')).toBe(count);
  });
});
