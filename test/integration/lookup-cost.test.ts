import { PrefetchCache } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { watchedClient, withDiary } from '../support/watched-client.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  client = await redis.client();
});
afterAll(() => redis.stop());

/** How often the server ran each command since the last reset. */
async function callsSeen(): Promise<Record<string, number>> {
  const info = await client.info('commandstats');
  const calls: Record<string, number> = {};
  for (const [, name = '', count] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
    calls[name] = Number(count);
  return calls;
}

describe.each(layouts)('lookups in the layout %s', (layout) => {
  const reads = layout === 'HASH' ? 'HGETALL' : 'GET';
  let prefix: string;

  beforeEach(async () => {
    prefix = uniquePrefix();
    await cacheOn(client).bulkLoad(categories);
  });

  function cacheOn(own: TestClient): PrefetchCache<Category> {
    return new PrefetchCache({ client: own, schema: categorySchema(prefix, layout), documents: 'string' });
  }

  it('a hit is one command', async () => {
    const { client: watched, lines } = withDiary(client);
    await cacheOn(watched).get('cat-001');
    expect(lines).toEqual([`> ${reads}`, `< ${reads}`]);
  });

  it('a miss is one command more, once the load has been seen', async () => {
    const { client: watched, lines } = withDiary(client);
    const cache = cacheOn(watched);
    await cache.get('cat-404');
    lines.length = 0;
    await cache.get('cat-405');
    expect(lines).toEqual([`> ${reads}`, `< ${reads}`, '> GET', '< GET']);
  });

  it('what cannot exist asks nothing', async () => {
    const { client: watched, lines } = withDiary(client);
    const cache = cacheOn(watched);
    await cache.get('archive:cat-001');
    await cache.getMany(['archive:cat-001', '', 'a b']);
    await cache.getMany([]);
    await cache.ttlRemaining('archive:cat-001');
    await cache.invalidate('archive:cat-001');
    expect(lines).toEqual([]);
  });

  it('many are one round trip, and what cannot exist is not asked for', async () => {
    const { client: watched, lines } = withDiary(client);
    await cacheOn(watched).getMany([...categories.map(({ id }) => id), 'archive:x', 'cat-001']);
    expect(lines).toEqual([...Array<string>(5).fill(`> ${reads}`), ...Array<string>(5).fill(`< ${reads}`)]);
  });

  it('a flood of misses asks for the note a few times only', async () => {
    const cache = cacheOn(client);
    await cache.get('cat-404');
    await client.configResetStat();
    const floods = 20;
    for (let flood = 0; flood < floods; flood++) {
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, i) => cache.get(`cat-none-${i}`).then(({ outcome }) => outcome)),
      );
      expect(new Set(outcomes)).toEqual(new Set(['miss']));
    }
    const { get = 0, hgetall = 0 } = await callsSeen();
    const misses = 200 * floods;
    expect(hgetall + get).toBeGreaterThanOrEqual(misses);
    expect(hgetall + get).toBeLessThanOrEqual(misses + 3 * floods);
  });

  it('no lookup writes anything', async () => {
    await client.configResetStat();
    const cache = cacheOn(client);
    await cache.get('cat-001');
    await cache.get('cat-404');
    await cache.getMany(['cat-001', 'cat-404']);
    await cache.ttlRemaining('cat-001');
    await cache.loadNote();
    expect(Object.keys(await callsSeen()).sort()).toEqual(expect.arrayContaining(['get', 'pttl']) as unknown);
    const allowed = ['get', 'hgetall', 'pttl', 'config|resetstat', 'info'];
    expect(Object.keys(await callsSeen()).filter((name) => !allowed.includes(name))).toEqual([]);
  });

  describe('when the dataset changes between the absent record and the look at the note', () => {
    /** A cache before whose look at the note something happens, once. */
    function cacheWithSurprise(surprise: () => Promise<unknown>): PrefetchCache<Category> {
      const noteKey = cacheOn(client).dataset.keys.loadNote;
      let isDue = true;
      const watched = watchedClient(client, async ([name, key], send) => {
        if (isDue && name === 'GET' && key === noteKey) {
          isDue = false;
          await surprise();
        }
        return send();
      });
      return cacheOn(watched);
    }

    it('a record that was just loaded is no miss', async () => {
      await cacheOn(client).clear();
      const one = cacheWithSurprise(() => cacheOn(client).bulkLoad(categories));
      await expect(one.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
      await cacheOn(client).clear();
      const many = cacheWithSurprise(() => cacheOn(client).bulkLoad(categories));
      await expect(many.getMany(['cat-001'])).resolves.toMatchObject({
        outcome: 'hit',
        records: [beverages],
      });
    });

    it('what such a load has not brought is a miss', async () => {
      await cacheOn(client).clear();
      const cache = cacheWithSurprise(() => cacheOn(client).bulkLoad(categories));
      await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
    });

    it('a record that was lost and loaded again is no miss', async () => {
      const cache = cacheOn(client);
      await cache.get('cat-404'); // has seen the note of the first load
      await client.flushAll();
      const surprised = cacheWithSurprise(() => cacheOn(client).bulkLoad(categories));
      await expect(surprised.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
    });

    it('a record that was just lost is not-loaded', async () => {
      const cache = cacheWithSurprise(() => client.flushAll());
      await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'not-loaded' });
    });
  });

  it('a flushed Redis is not-loaded, never a miss', async () => {
    const cache = cacheOn(client);
    await cache.get('cat-404');
    await client.flushAll();
    const outcomes = await Promise.all(
      [...categories, { id: 'cat-404' }].map(async ({ id }) => (await cache.get(id)).outcome),
    );
    expect(new Set(outcomes)).toEqual(new Set(['not-loaded']));
    await expect(cache.getMany(['cat-001'])).resolves.toMatchObject({ outcome: 'not-loaded' });
  });

  it('lookups during flushes and loads are never a false miss', async () => {
    const cache = cacheOn(client);
    const writer = cacheOn(await redis.client());
    const seen = new Set<string>();
    let isOver = false;
    const looking = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        seen.add((await cache.get('cat-003')).outcome);
        seen.add((await cache.getMany(['cat-001', 'cat-005'])).outcome);
      }
    });
    for (let round = 0; round < 60; round++) {
      await writer.bulkLoad(categories);
      await client.flushAll();
    }
    isOver = true;
    await Promise.all(looking);
    expect(seen).toContain('hit');
    expect(seen).toContain('not-loaded');
    expect(seen).not.toContain('miss');
  });
});
