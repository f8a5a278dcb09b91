import { PrefetchCache } from '../../src/index.js';
import { type Category, categories, category, categorySchema, manyCategories } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { StepQueue } from '../support/step-queue.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const clients = new Clients();
let redis: TestRedis;
let proxy: TcpProxy;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  client = await redis.client();
  proxy = await startTcpProxy(redis.port);
});
afterAll(async () => {
  clients.closeAll();
  await proxy.close();
  await redis.stop();
});

describe.each(layouts)('bulkLoad() in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Category>;

  beforeEach(() => {
    prefix = uniquePrefix();
    cache = cacheOn(client);
  });

  function cacheOn(own: TestClient, ttlSeconds = 600): PrefetchCache<Category> {
    return new PrefetchCache({ client: own, schema: categorySchema(prefix, layout), ttlSeconds });
  }

  /** Of all that is under the prefix: every key has its TTL, every record is whole. Returns how many there are. */
  async function checkRecords(): Promise<number> {
    const keys = await client.keys(`${prefix}:*`);
    for (const ttl of await Promise.all(keys.map((key) => client.pTTL(key)))) expect(ttl).toBeGreaterThan(0);
    const ids = keys.map((key) => key.slice(prefix.length + 1));
    const found = await cache.getMany(ids, { deadlineMs: 10_000 });
    const records = 'records' in found ? found.records : [];
    expect(records).toHaveLength(keys.length);
    for (const record of records) expect(record).toEqual(category(record.id));
    return keys.length;
  }

  describe('with a signal', () => {
    const reason = new Error('shutting down');

    it('does not begin when it has aborted already', async () => {
      const source = { [Symbol.iterator]: jest.fn() };
      const load = cache.bulkLoad(source, { signal: AbortSignal.abort(reason) });
      await expect(load).rejects.toBe(reason);
      expect(source[Symbol.iterator]).not.toHaveBeenCalled();
    });

    it('rejects with the reason midway, closes the source, and leaves whole records and no note', async () => {
      const abort = new AbortController();
      let isClosed = false;
      function* source(): Generator<Category> {
        try {
          yield* manyCategories(20_000);
        } finally {
          isClosed = true;
        }
      }
      const onProgress = () => {
        abort.abort(reason);
      };
      await expect(cache.bulkLoad(source(), { signal: abort.signal, onProgress })).rejects.toBe(reason);
      await until(() => isClosed);
      await expect(cache.loadNote()).resolves.toBeNull();
      expect(await checkRecords()).toBeGreaterThan(0);
      expect(await checkRecords()).toBeLessThan(5_000);
    });

    it('rejects while the source keeps it waiting', async () => {
      const source = new StepQueue<Category>();
      const abort = new AbortController();
      const load = cache.bulkLoad(source, { signal: abort.signal });
      await until(() => source.isHungry);
      abort.abort(reason);
      await expect(load).rejects.toBe(reason);
      source.push(category('too-late'));
      source.end();
      await until(() => !source.isHungry);
      await expect(cache.loadNote()).resolves.toBeNull();
      expect(await checkRecords()).toBe(0);
    });

    it('closes a slow source at the next record', async () => {
      const queue = new StepQueue<Category>();
      let isClosed = false;
      async function* source(): AsyncGenerator<Category> {
        try {
          for (;;) yield await queue.next();
        } finally {
          isClosed = true;
        }
      }
      const abort = new AbortController();
      const load = cache.bulkLoad(source(), { signal: abort.signal });
      await until(() => queue.isHungry);
      abort.abort(reason);
      await expect(load).rejects.toBe(reason);
      queue.push(category('too-late'));
      await until(() => isClosed);
    });

    it('is not loaded when it aborts after the last record', async () => {
      const abort = new AbortController();
      const onProgress = () => {
        abort.abort(reason);
      };
      await expect(cache.bulkLoad(categories, { signal: abort.signal, onProgress })).rejects.toBe(reason);
      for (let turns = 0; turns < 10; turns++) await cache.count();
      await expect(cache.loadNote()).resolves.toBeNull();
    });

    it('rejects while Redis does not answer', async () => {
      const own = cacheOn(await clients.connect(proxy.url));
      await own.bulkLoad(categories);
      const note = await own.loadNote();
      const abort = new AbortController();
      proxy.holdReplies();
      const load = own.bulkLoad(categories, { signal: abort.signal });
      abort.abort(reason);
      await expect(load).rejects.toBe(reason);
      proxy.release();
      await expect(own.count()).resolves.toBe(5); // after what was on its way
      await expect(cache.loadNote()).resolves.toEqual(note);
    });

    it('has no say any more when the load is done', async () => {
      const abort = new AbortController();
      await expect(cache.bulkLoad(categories, { signal: abort.signal })).resolves.toMatchObject({
        loaded: 5,
      });
      abort.abort(reason);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
    });
  });

  describe('when the connection breaks', () => {
    it.each([300, 30_000, 500_000])(
      'after %i bytes, rejects and leaves whole records, each with its TTL',
      async (bytes) => {
        const own = cacheOn(await clients.connect(proxy.url));
        await own.get('cat-001');
        proxy.cutAfterBytes(bytes);
        await expect(own.bulkLoad(manyCategories(10_000))).rejects.toMatchObject({
          name: 'PrefetchError',
          code: 'ERR_PREFETCH_UNAVAILABLE',
        });
        await expect(cache.loadNote()).resolves.toBeNull();
        const written = await checkRecords();
        if (bytes === 500_000) expect(written).toBeGreaterThan(0);
        expect(written).toBeLessThan(10_000);
        // The client has come back by itself, and the next load is whole.
        await expect(own.bulkLoad(manyCategories(1_000))).resolves.toMatchObject({ loaded: 1_000 });
        await checkRecords();
      },
    );
  });

  it('that outlives its TTL is not loaded: the first records are gone', async () => {
    const own = cacheOn(client, 1);
    const source = new StepQueue<Category>();
    for (const record of manyCategories(500)) source.push(record);
    const load = own.bulkLoad(source);
    await until(async () => (await own.count()) === 500);
    await until(async () => (await own.count()) === 0);
    source.end();
    await expect(load).rejects.toMatchObject({
      code: 'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
      message: expect.stringContaining('TTL of 1 s'),
    });
    await expect(own.get('cat-000001')).resolves.toMatchObject({ outcome: 'not-loaded' });
  });

  it('after its TTL is not-loaded, never a miss', async () => {
    const own = cacheOn(client, 1);
    await own.bulkLoad(categories);
    const seen: string[] = [];
    await until(async () => {
      const { outcome } = await own.get('cat-001');
      if (outcome !== seen.at(-1)) seen.push(outcome);
      return outcome !== 'hit';
    });
    expect(seen).toEqual(['hit', 'not-loaded']);
    await expect(client.keys(`*${prefix}*`)).resolves.toEqual([]);
  });
});
