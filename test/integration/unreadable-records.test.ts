import { PrefetchCache } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Everything, everythingSchema } from '../support/redis-om-values.js';

let redis: TestRedis;
let client: TestClient;
let prefix: string;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});
beforeEach(() => {
  prefix = uniquePrefix();
});
afterAll(() => redis.stop());

const wrongType = {
  name: 'PrefetchError',
  code: 'ERR_PREFETCH_WRONG_TYPE',
  message: expect.stringMatching(/holds another type of value.*remove the key, or reload/) as string,
};

function unreadable(id: string) {
  return {
    name: 'PrefetchError',
    code: 'ERR_PREFETCH_UNREADABLE_RECORD',
    message: expect.stringContaining(`What is stored for ${prefix}:${id} does not fit the schema`) as string,
    cause: expect.any(Error) as Error,
  };
}

describe.each(layouts)('under a key of the prefix, in the layout %s,', (layout) => {
  let cache: PrefetchCache<Category>;

  beforeEach(async () => {
    cache = new PrefetchCache({ client, schema: categorySchema(prefix, layout), documents: 'string' });
    await cache.bulkLoad(categories);
  });

  it.each([
    ['a list', 'RPUSH', ['x']],
    ['a set', 'SADD', ['x']],
    ['a sorted set', 'ZADD', ['1', 'x']],
    ['a stream', 'XADD', ['*', 'f', 'x']],
    ['the other layout', layout === 'JSON' ? 'HSET' : 'SET', layout === 'JSON' ? ['id', 'cat-001'] : ['{}']],
  ])('%s is an incident, and all other records are served', async (_, command, values) => {
    await client.del(`${prefix}:cat-001`);
    await client.sendCommand([command, `${prefix}:cat-001`, ...values]);
    await expect(cache.get('cat-001')).rejects.toMatchObject(wrongType);
    await expect(cache.getMany(['cat-002', 'cat-001'])).rejects.toMatchObject(wrongType);
    await expect(cache.get('cat-002')).resolves.toMatchObject({ outcome: 'hit' });
    await expect(cache.count()).resolves.toBe(5);
    await cache.bulkLoad(categories);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
  });

  it('what was loaded in the other layout is an incident, until it is loaded anew', async () => {
    const other = layout === 'JSON' ? 'HASH' : 'JSON';
    const reader = new PrefetchCache({ client, schema: categorySchema(prefix, other), documents: 'string' });
    await expect(reader.get('cat-001')).rejects.toMatchObject(wrongType);
    await reader.bulkLoad(categories);
    await expect(reader.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
    await expect(cache.get('cat-001')).rejects.toMatchObject(wrongType);
  });

  it('an incident is no lookup in the statistics, and no outcome', async () => {
    await client.del(`${prefix}:cat-001`);
    await client.rPush(`${prefix}:cat-001`, 'x');
    await expect(cache.get('cat-001')).rejects.toThrow();
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, unavailable: 0 });
  });
});

describe('in a document', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', 'garbage'],
    ['cut off JSON', '{"id":"cat-001","na'],
    ['a number', '5'],
    ['null', 'null'],
    ['a list', '[{"id":"cat-001"}]'],
    ['a text', '"cat-001"'],
    ['a text for a number', '{"id":"cat-001","display_order":"first"}'],
    ['a number for a boolean', '{"id":"cat-001","featured":1}'],
    ['an object for a text', '{"id":"cat-001","name":{"de":"Getränke"}}'],
  ])('%s is an incident', async (_, text) => {
    const schema = categorySchema(prefix, 'JSON');
    const cache = new PrefetchCache({ client, schema, documents: 'string' });
    await client.set(`${prefix}:cat-001`, text);
    await expect(cache.get('cat-001')).rejects.toMatchObject(unreadable('cat-001'));
    await expect(cache.getMany(['cat-001'])).rejects.toMatchObject(unreadable('cat-001'));
  });

  it.each([
    ['a text for a date', '{"id":"one","since":"yesterday"}'],
    ['a text for a point', '{"id":"one","place":"here"}'],
    ['null in a list', '{"id":"one","tags":["a",null]}'],
    ['a text in a list of numbers', '{"id":"one","sizes":[1,"2"]}'],
  ])('%s is an incident', async (_, text) => {
    const schema = everythingSchema(prefix, 'JSON');
    const cache = new PrefetchCache<Everything>({ client, schema, documents: 'string' });
    await client.set(`${prefix}:one`, text);
    await expect(cache.get('one')).rejects.toMatchObject(unreadable('one'));
  });

  it('a number where the schema has a text is that text, as with Redis OM', async () => {
    const schema = categorySchema(prefix, 'JSON');
    const cache = new PrefetchCache({ client, schema, documents: 'string' });
    await client.set(`${prefix}:cat-001`, '{"id":"cat-001","name":5,"parent_id":true}');
    await expect(cache.get('cat-001')).resolves.toMatchObject({ record: { name: '5', parent_id: 'true' } });
  });

  it('an empty object is a record without fields, not a miss', async () => {
    const cache = new PrefetchCache({ client, schema: categorySchema(prefix, 'JSON'), documents: 'string' });
    await cache.bulkLoad([]);
    await client.set(`${prefix}:cat-001`, '{}');
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: {} });
  });
});

describe('in a hash', () => {
  it.each([
    ['a text for a number', ['display_order', 'first']],
    ['a word for a boolean', ['featured', 'true']],
  ])('%s is an incident', async (_, field) => {
    const cache = new PrefetchCache({ client, schema: categorySchema(prefix, 'HASH') });
    await client.sendCommand(['HSET', `${prefix}:cat-001`, ...field]);
    await expect(cache.get('cat-001')).rejects.toMatchObject(unreadable('cat-001'));
  });

  it.each([
    ['a text for a date', ['since', 'yesterday']],
    ['a text for a point', ['place', 'here']],
  ])('%s is an incident', async (_, field) => {
    const cache = new PrefetchCache<Everything>({ client, schema: everythingSchema(prefix, 'HASH') });
    await client.sendCommand(['HSET', `${prefix}:one`, ...field]);
    await expect(cache.get('one')).rejects.toMatchObject(unreadable('one'));
  });
});
