import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { Schema } from 'redis-om';
import { PrefetchCache, prefetchLookup, prefetchLookupMany } from '../../src/index.js';
import { type Category, categorySchema } from '../support/category.js';
import type { TestClient } from '../support/redis.js';

const prefix = 'cache:category';
const schema = categorySchema(prefix, 'JSON');

/** Never connected: these tests end before anything is sent. */
function clientWith(options: Parameters<typeof createClient>[0] = {}): TestClient {
  const client = createClient(options) as unknown as TestClient;
  client.on('error', () => undefined);
  return client;
}

const client = clientWith();
const cache = new PrefetchCache({ client, schema });

function refused(message: RegExp, code = 'ERR_PREFETCH_OPTION'): Error {
  return expect.objectContaining({
    name: 'PrefetchError',
    code,
    message: expect.stringMatching(message),
  }) as Error;
}

function cacheWith(options: object): PrefetchCache<Category> {
  return new PrefetchCache({ client, schema, ...options });
}

describe('a PrefetchCache', () => {
  it('needs no more than a client and a schema', () => {
    expect(cache).toMatchObject({ name: prefix, layout: 'JSON', ttlSeconds: 3600, client });
    const hash = categorySchema(prefix, 'HASH');
    expect(new PrefetchCache({ client, schema: hash }).layout).toBe('HASH');
  });

  it('takes undefined for what is left out', () => {
    const options = {
      ttlSeconds: undefined,
      deadlineMs: undefined,
      idPattern: undefined,
      documents: undefined,
    };
    expect(cacheWith(options).ttlSeconds).toBe(3600);
  });

  it('takes every option', () => {
    const given = cacheWith({ ttlSeconds: 60, deadlineMs: 0.5, idPattern: /^\d+$/, documents: 'string' });
    expect(given.ttlSeconds).toBe(60);
  });

  it.each([
    [{ ttl: 60 }, /PrefetchCache has no option `ttl`\. It knows: client, schema, ttlSeconds/],
    [{ ttlSeconds: 0 }, /`ttlSeconds` to be a whole number from 1 to 2147483647, got 0 \(number\)/],
    [{ ttlSeconds: -1 }, /ttlSeconds/],
    [{ ttlSeconds: 2_147_483_648 }, /ttlSeconds/],
    [{ ttlSeconds: 1.5 }, /ttlSeconds/],
    [{ ttlSeconds: '60' }, /`ttlSeconds`.*got '60' \(string\)/],
    [{ ttlSeconds: NaN }, /ttlSeconds/],
    [{ ttlSeconds: Infinity }, /ttlSeconds/],
    [{ ttlSeconds: null }, /`ttlSeconds`.*got null/],
    [{ deadlineMs: 0 }, /`deadlineMs` to be a number of milliseconds > 0/],
    [{ deadlineMs: -5 }, /deadlineMs/],
    [{ deadlineMs: '500' }, /deadlineMs/],
    [{ deadlineMs: NaN }, /deadlineMs/],
    [{ deadlineMs: 2 ** 31 }, /deadlineMs/],
    [{ documents: 'yes' }, /`documents` to be 'auto', 'native' or 'string', got 'yes'/],
    [{ idPattern: 'x' }, /`idPattern` to be a RegExp/],
    [{ idPattern: /x/g }, /idPattern/],
    [{ idPattern: /x/y }, /idPattern/],
    [{ schema: undefined }, /`schema` to be a Schema of redis-om, got undefined/],
    [{ schema: {} }, /schema/],
    [{ schema: 'cache:category' }, /schema/],
    [{ schema: categorySchema('cache category', 'JSON') }, /`schema` to be named without white space/],
    [{ schema: categorySchema('cache\u0000', 'JSON') }, /schema/],
    [{ schema: categorySchema('prefetch', 'JSON') }, /what the library keeps for itself/],
    [{ schema: categorySchema('prefetch:category', 'JSON') }, /what the library keeps for itself/],
    [{ client: undefined }, /`client` to be a node-redis client.*got undefined/],
    [{ client: null }, /client/],
    [{ client: {} }, /client/],
    [{ client: { sendCommand: () => 1 } }, /client/],
    [{ client: clientWith({ keyPrefix: 'app:' }) }, /`client` to have no `keyPrefix`/],
  ])('refuses %j', (options, message) => {
    expect(() => cacheWith(options)).toThrow(refused(message));
  });

  it('refuses what is no client of one server', () => {
    const rootNodes = [{ url: 'redis://127.0.0.1:1' }];
    const sentinelRootNodes = [{ host: '127.0.0.1', port: 1 }];
    const others = [
      createClientPool(),
      createCluster({ rootNodes }),
      createSentinel({ name: 'mymaster', sentinelRootNodes }),
    ];
    for (const other of others) {
      other.on('error', () => undefined);
      expect(() => cacheWith({ client: other })).toThrow(
        refused(/`client` to be .*as createClient\(\) gives/),
      );
    }
  });

  it('refuses a client whose dropped connection would end the process', () => {
    expect(() => cacheWith({ client: createClient() })).toThrow(
      refused(/client\.on\('error', …\)/, 'ERR_PREFETCH_CLIENT_WITHOUT_ERROR_LISTENER'),
    );
  });

  it('takes a schema of the other module format of redis-om', () => {
    const { fields, schemaName, dataStructure } = schema;
    const fieldByName = (name: string) => schema.fieldByName(name);
    const foreign = { fields, schemaName, dataStructure, fieldByName };
    expect(foreign).not.toBeInstanceOf(Schema);
    expect(cacheWith({ schema: foreign }).name).toBe(prefix);
  });

  it('refuses options of bulkLoad() that nobody reads, and wrong times of lookups', async () => {
    await expect(cache.bulkLoad([], { progress: 1 } as never)).rejects.toEqual(
      refused(/no option `progress`/),
    );
    await expect(cache.get('cat-001', { deadlineMs: 0 })).rejects.toEqual(refused(/deadlineMs/));
    await expect(cache.getMany(['cat-001'], { deadlineMs: NaN })).rejects.toEqual(refused(/deadlineMs/));
    await expect(cache.get('cat-001', { maxStalenessMs: 0 })).rejects.toEqual(refused(/maxStalenessMs/));
    const endless = cache.getMany(['cat-001'], { maxStalenessMs: Infinity });
    await expect(endless).rejects.toEqual(refused(/maxStalenessMs/));
  });
});

describe('prefetchLookup()', () => {
  it.each([
    [{ ids: 'id' }, /prefetchLookup\(\) has no option `ids`/],
    [{ id: '' }, /`id` to be the name of a route parameter or a function/],
    [{ id: 5 }, /`id`/],
    [{ name: '' }, /`name` to be a name for req.prefetch/],
    [{ name: 5 }, /`name`/],
    [{ name: '__proto__' }, /`name`/],
    [{ deadlineMs: 0 }, /`deadlineMs`/],
    [{ onMiss: 'ignore' }, /`onMiss` to be a request handler or 'next', got 'ignore'/],
    [{ onUnavailable: 404 }, /`onUnavailable`/],
    [{ maxStalenessMs: 0 }, /`maxStalenessMs` to be a number of milliseconds/],
    [{ maxStalenessMs: '5s' }, /`maxStalenessMs`/],
    [{ maxStalenessMs: Infinity }, /`maxStalenessMs`/],
    [
      { maxStalenessMs: 1000, onStale: 'ignore' },
      /`onStale` to be 'serve', a request handler or 'next', got 'ignore'/,
    ],
    [{ onStale: 'serve' }, /`maxStalenessMs` to be .*because `onStale` is given, got undefined/],
  ])('refuses %j', (options, message) => {
    expect(() => prefetchLookup(cache, options as never)).toThrow(refused(message));
  });

  it.each([
    [undefined, /`cache` to be a PrefetchCache, got undefined/],
    [{}, /`cache`/],
    [client, /`cache`/],
    [{ method: 'GET' }, /prefetchLookup makes a middleware and is none itself/],
  ])('refuses as its cache %#', (given, message) => {
    expect(() => prefetchLookup(given as never)).toThrow(refused(message));
  });

  it('is named, so that a stack trace shows it', () => {
    expect(prefetchLookup(cache)).toHaveProperty('name', 'lookUp');
  });
});

describe('prefetchLookupMany()', () => {
  it.each([
    [{ id: 'ids' }, /prefetchLookupMany\(\) has no option `id`/],
    [{ onMiss: 'next' }, /no option `onMiss`/],
    [{ ids: '' }, /`ids` to be the name of a query parameter or a function/],
    [{ ids: ['a'] }, /`ids`/],
    [{ limit: 0 }, /`limit` to be a whole number >= 1/],
    [{ limit: 1.5 }, /`limit`/],
    [{ limit: '100' }, /`limit`/],
    [{ name: '' }, /`name`/],
    [{ deadlineMs: '1s' }, /`deadlineMs`/],
    [{ onUnavailable: 'ignore' }, /`onUnavailable`/],
    [{ maxStalenessMs: 0 }, /`maxStalenessMs` to be a number of milliseconds/],
    [{ maxStalenessMs: '5s' }, /`maxStalenessMs`/],
    [{ maxStalenessMs: Infinity }, /`maxStalenessMs`/],
    [
      { maxStalenessMs: 1000, onStale: 'ignore' },
      /`onStale` to be 'serve', a request handler or 'next', got 'ignore'/,
    ],
    [{ onStale: 'serve' }, /`maxStalenessMs` to be .*because `onStale` is given, got undefined/],
  ])('refuses %j', (options, message) => {
    expect(() => prefetchLookupMany(cache, options as never)).toThrow(refused(message));
  });

  it('refuses a request as its cache', () => {
    expect(() => prefetchLookupMany({ method: 'GET' } as never)).toThrow(refused(/none itself/));
  });
});
