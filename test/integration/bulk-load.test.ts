import { setImmediate } from 'node:timers/promises';
import { type LoadProgress, PrefetchCache } from '../../src/index.js';
import {
  type Category,
  beverages,
  categories,
  category,
  categorySchema,
  manyCategories,
} from '../support/category.js';
import { layouts } from '../support/item.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { StepQueue } from '../support/step-queue.js';
import { until } from '../support/until.js';
import { watchedClient } from '../support/watched-client.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});
afterAll(() => redis.stop());

describe.each(layouts)('bulkLoad() in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Category>;

  beforeEach(() => {
    prefix = uniquePrefix();
    cache = cacheOn(client);
  });

  function cacheOn(own: TestClient): PrefetchCache<Category> {
    return new PrefetchCache({ client: own, schema: categorySchema(prefix, layout), ttlSeconds: 600 });
  }

  async function recordsIn(): Promise<Category[]> {
    const ids: string[] = [];
    for await (const id of cache.ids()) ids.push(id);
    const found = await cache.getMany(ids.sort());
    return 'records' in found ? found.records : [];
  }

  /** Every key of the dataset with its time to live in seconds. */
  async function timesToLive(): Promise<number[]> {
    const keys = [...(await client.keys(`${prefix}:*`)), ...(await client.keys(`prefetch:{${prefix}}:*`))];
    return Promise.all(keys.map((key) => client.ttl(key)));
  }

  it.each<[string, () => Iterable<Category> | AsyncIterable<Category>]>([
    ['a list', () => categories],
    ['a Set', () => new Set(categories)],
    ['a generator', () => categories.values()],
    [
      'an async generator',
      async function* () {
        for (const record of categories) {
          await setImmediate();
          yield record;
        }
      },
    ],
  ])('takes %s', async (_, source) => {
    await expect(cache.bulkLoad(source())).resolves.toEqual({
      loaded: 5,
      refused: 0,
      refusals: [],
      elapsedMs: expect.any(Number),
    });
    await expect(recordsIn()).resolves.toEqual(categories);
  });

  it('loads thousands, every key with its TTL', async () => {
    await cache.bulkLoad(manyCategories(2_345));
    await expect(cache.count()).resolves.toBe(2_345);
    const ttls = await timesToLive();
    expect(ttls).toHaveLength(2_347); // and the note and the journal
    for (const ttl of ttls) expect(ttl).toBeGreaterThan(580);
  });

  it('loads more than a megabyte of few records', async () => {
    const name = 'ü'.repeat(300_000);
    const large = [...manyCategories(8, { name })];
    await expect(cache.bulkLoad(large)).resolves.toMatchObject({ loaded: 8 });
    await expect(recordsIn()).resolves.toEqual(large);
  });

  it('tells its progress, which grows up to the end', async () => {
    const told: LoadProgress[] = [];
    await cache.bulkLoad([...manyCategories(1_700), { id: 'a:b' } as Category], {
      onProgress: (progress) => told.push(progress),
    });
    expect(told.length).toBeGreaterThanOrEqual(4);
    expect(told.map(({ loaded }) => loaded)).toEqual(told.map(({ loaded }) => loaded).sort((a, b) => a - b));
    expect(told.at(-1)).toEqual({ loaded: 1_700, refused: 1 });
  });

  it('ends when the listener to its progress throws, and is not loaded', async () => {
    const onProgress = () => {
      throw new Error('the bar is closed');
    };
    await expect(cache.bulkLoad(categories, { onProgress })).rejects.toThrow('the bar is closed');
    await expect(cache.loadNote()).resolves.toBeNull();
  });

  it('replaces records as a whole, and leaves those that it does not name', async () => {
    await cache.bulkLoad(categories);
    const renewed = { id: 'cat-001', name: 'Drinks' } as Category;
    await cache.bulkLoad([renewed]);
    await expect(recordsIn()).resolves.toEqual([renewed, ...categories.slice(1)]);
    await expect(cache.loadNote()).resolves.toMatchObject({ records: 1 });
  });

  it.each(['string', 'hash', 'list', 'set', 'zset', 'stream'])('replaces a key of type %s', async (type) => {
    const key = `${prefix}:cat-001`;
    const put: Record<string, string[]> = {
      string: ['SET', key, 'x'],
      hash: ['HSET', key, 'old', 'x'],
      list: ['RPUSH', key, 'x'],
      set: ['SADD', key, 'x'],
      zset: ['ZADD', key, '1', 'x'],
      stream: ['XADD', key, '*', 'f', 'x'],
    };
    await client.sendCommand(present(put[type]));
    await cache.bulkLoad([beverages]);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
    for (const ttl of await timesToLive()) expect(ttl).toBeGreaterThan(580);
  });

  it('takes the last of several records with one id', async () => {
    await cache.bulkLoad([category('a', { name: 'first' }), category('a', { name: 'last' })]);
    await expect(recordsIn()).resolves.toMatchObject([{ name: 'last' }]);
  });

  describe('with records that cannot be stored', () => {
    it('counts and lists them with reasons, and loads all others', async () => {
      const bad = [
        { name: 'no id' },
        { ...category('x'), display_order: 'first' },
        { ...category('y'), display_order: NaN },
        category('a:b'),
        null,
        'cat-001',
      ] as unknown as Category[];
      const mixed = bad.flatMap((record, i) => [record, present(categories[i % 5])]);
      const { refusals, ...counts } = await cache.bulkLoad(mixed);
      expect(counts).toMatchObject({ loaded: 6, refused: 6 });
      expect(refusals.map(({ subject }) => subject)).toEqual(bad);
      expect(refusals.map(({ reason }) => reason)).toEqual([
        'the record has no id',
        expect.stringMatching(/display_order/),
        'the field "display_order" is not a finite number',
        'the id "a:b" is not allowed',
        'the record is not a plain object',
        'the record is not a plain object',
      ]);
      await expect(recordsIn()).resolves.toEqual(categories);
      await expect(cache.loadNote()).resolves.toMatchObject({ records: 6 });
    });

    it('lists the first hundred and counts the rest', async () => {
      const bad = Array.from({ length: 250 }, (_, i) => category(`bad:${i}`));
      const { loaded, refused, refusals } = await cache.bulkLoad([...bad, beverages]);
      expect({ loaded, refused }).toEqual({ loaded: 1, refused: 250 });
      expect(refusals.map(({ subject }) => subject)).toEqual(bad.slice(0, 100));
    });

    it('leaves what is there under the id of a refused one', async () => {
      await cache.bulkLoad(categories);
      await cache.bulkLoad([{ ...beverages, featured: 'yes' as never }]);
      await expect(cache.get('cat-001')).resolves.toMatchObject({ record: beverages });
    });

    it('is loaded even if all were refused', async () => {
      await expect(cache.bulkLoad([category('a:b')])).resolves.toMatchObject({ loaded: 0, refused: 1 });
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
    });
  });

  it('reads from its source only what there is room for', async () => {
    let taken = 0;
    function* source(): Generator<Category> {
      for (const record of manyCategories(20_000)) {
        taken++;
        yield record;
      }
    }
    let isHeld = true;
    const held: (() => void)[] = [];
    const slow = watchedClient(client, async ([name], send) => {
      if (name === 'EVALSHA' && isHeld) await new Promise<void>((resolve) => held.push(resolve));
      return send();
    });
    const loading = cacheOn(slow).bulkLoad(source());
    await until(() => held.length === 2);
    for (let turns = 0; turns < 200; turns++) await setImmediate();
    expect(held).toHaveLength(2);
    expect(taken).toBeLessThanOrEqual(3 * 500); // two on their way, one being filled
    isHeld = false;
    for (const go of held) go();
    await expect(loading).resolves.toMatchObject({ loaded: 20_000 });
  });

  it('writes what it has while the source takes its time', async () => {
    const source = new StepQueue<Category>();
    for (const record of manyCategories(1_000)) source.push(record);
    const loading = cache.bulkLoad(source);
    await until(async () => (await cache.count()) === 1_000);
    await expect(cache.loadNote()).resolves.toBeNull();
    source.end();
    await expect(loading).resolves.toMatchObject({ loaded: 1_000 });
    await expect(cache.loadNote()).resolves.toMatchObject({ records: 1_000 });
  });

  it('rejects with the error of a source that breaks off, and the dataset is not loaded', async () => {
    async function* source() {
      yield* manyCategories(1_200);
      await setImmediate();
      throw new Error('cursor lost');
    }
    await expect(cache.bulkLoad(source())).rejects.toThrow('cursor lost');
    await expect(cache.loadNote()).resolves.toBeNull();
    for (const record of await recordsIn()) expect(record).toEqual(category(record.id));
  });

  it('leaves a dataset loaded that was, when a second load breaks off', async () => {
    await cache.bulkLoad(categories);
    function* source(): Generator<Category> {
      yield category('cat-006');
      throw new Error('cursor lost');
    }
    await expect(cache.bulkLoad(source())).rejects.toThrow('cursor lost');
    await expect(cache.getMany(['cat-001', 'cat-404'])).resolves.toMatchObject({ outcome: 'miss' });
  });
});
