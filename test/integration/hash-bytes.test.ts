import { type Entity, Schema } from 'redis-om';
import { PrefetchCache } from '../../src/index.js';
import { type TestClient, type TestRedis, startTestRedis } from '../support/redis.js';

/** The record of the public prefetch-cache guides: in Redis, everything is text. */
interface Category extends Entity {
  id: string;
  name: string;
  display_order: string;
  featured: string;
  parent_id: string;
}

const text = { type: 'string' } as const;
const schema = new Schema<Category>(
  'cache:category',
  { id: text, name: text, display_order: text, featured: text, parent_id: text },
  { dataStructure: 'HASH' },
);

let redis: TestRedis;
let client: TestClient;
let cache: PrefetchCache<Category>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  client = await redis.client();
  cache = new PrefetchCache({ client, schema });
});
beforeEach(() => client.flushAll());
afterAll(() => redis.stop());

/** As the primary has it: a number and a boolean. */
const beverages = {
  id: 'cat-001',
  name: 'Beverages',
  display_order: 1,
  featured: true,
  parent_id: '',
} as unknown as Category;

const asText: Category = {
  id: 'cat-001',
  name: 'Beverages',
  display_order: '1',
  featured: 'true',
  parent_id: '',
};

describe('the hash that services in other languages share', () => {
  it('is, byte for byte, what the guides show', async () => {
    await cache.bulkLoad([beverages]);
    const reply = await client.sendCommand(['HGETALL', 'cache:category:cat-001'], {
      typeMapping: { 36: Buffer, 37: Map },
    });
    const fields = [...(reply as unknown as Map<Buffer, Buffer>)].map(([name, value]) => [
      String(name),
      value.toString('hex'),
    ]);
    expect(fields).toEqual([
      ['id', hex('cat-001')],
      ['name', hex('Beverages')],
      ['display_order', hex('1')],
      ['featured', hex('true')],
      ['parent_id', ''],
    ]);
  });

  it('is the same after a change, and after a change of one field', async () => {
    await cache.applyChange({ op: 'upsert', id: 'cat-001', record: beverages });
    await expect(client.hGetAll('cache:category:cat-001')).resolves.toEqual(asText);
    await cache.bulkLoad([{ ...beverages, name: 'Drinks' }]);
    await cache.applyChange({ op: 'upsert', id: 'cat-001', record: { name: 'Beverages' }, partial: true });
    await expect(client.hGetAll('cache:category:cat-001')).resolves.toEqual(asText);
  });

  it('has featured = false and a parent where the record has', async () => {
    const cheeses = {
      ...beverages,
      id: 'cat-005',
      featured: false,
      parent_id: 'cat-002',
    } as unknown as Category;
    await cache.bulkLoad([cheeses]);
    await expect(client.hGetAll('cache:category:cat-005')).resolves.toMatchObject({
      featured: 'false',
      parent_id: 'cat-002',
    });
  });

  it('gives the texts back', async () => {
    await cache.bulkLoad([beverages]);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: asText });
  });

  it('is a hash, expires, and keeps no field that the primary dropped', async () => {
    await client.hSet('cache:category:cat-001', { stale: 'yes', name: 'Old' });
    await cache.bulkLoad([beverages]);
    await expect(client.type('cache:category:cat-001')).resolves.toBe('hash');
    await expect(client.ttl('cache:category:cat-001')).resolves.toBeGreaterThan(3_500);
    await expect(client.hGetAll('cache:category:cat-001')).resolves.toEqual(asText);
  });

  it('may be written by others, with fields that the schema does not know', async () => {
    await client.hSet('cache:category:cat-007', { id: 'cat-007', name: 'Snacks', written_by: 'python' });
    await expect(cache.get('cat-007')).resolves.toMatchObject({
      outcome: 'hit',
      record: { id: 'cat-007', name: 'Snacks', written_by: 'python' },
    });
  });

  it('has only record keys beside it under the prefix', async () => {
    await cache.bulkLoad([beverages]);
    const keys: string[] = [];
    for await (const page of client.scanIterator({ MATCH: 'cache:category:*' })) keys.push(...page);
    expect(keys).toEqual(['cache:category:cat-001']);
    const own = await client.keys('prefetch:*');
    expect(own.sort()).toEqual(['prefetch:{cache:category}:journal', 'prefetch:{cache:category}:loaded']);
  });
});

function hex(ascii: string): string {
  return Buffer.from(ascii).toString('hex');
}
