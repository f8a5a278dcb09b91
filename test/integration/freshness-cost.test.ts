import { PrefetchCache } from '../../src/index.js';
import { type Category, categories, categorySchema } from '../support/category.js';
import { beat } from '../support/heartbeat.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Diary, withDiary } from '../support/watched-client.js';

const maxStalenessMs = 60_000;

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});
afterAll(() => redis.stop());

describe.each(layouts)('to ask how stale a record may be costs, in the layout %s', (layout) => {
  const reads = layout === 'HASH' ? 'HGETALL' : 'GET';
  let lines: Diary['lines'];
  let cache: PrefetchCache<Category>;
  let heartbeat: string;

  beforeEach(async () => {
    const diary = withDiary(client);
    lines = diary.lines;
    cache = new PrefetchCache({
      client: diary.client,
      schema: categorySchema(uniquePrefix(), layout),
      documents: 'string',
    });
    heartbeat = cache.dataset.keys.heartbeat;
    await cache.bulkLoad(categories);
    lines.length = 0;
  });

  const timesAsked = () => lines.filter((line) => line === '> TIME').length;

  it('no round trip more: both questions go out together', async () => {
    await beat(client, heartbeat);
    await cache.get('cat-001', { maxStalenessMs });
    const asked = [`> ${reads}`, '> GET', '> TIME'];
    expect(lines).toEqual([...asked, ...asked.map((line) => line.replace('>', '<'))]);
  });

  it('nothing while the worker is known to be there', async () => {
    await beat(client, heartbeat);
    await cache.get('cat-001', { maxStalenessMs });
    lines.length = 0;
    for (let i = 0; i < 100; i++) await cache.get('cat-001', { maxStalenessMs });
    await cache.getMany(['cat-001'], { maxStalenessMs });
    expect(lines).toEqual(Array.from({ length: 101 }, () => [`> ${reads}`, `< ${reads}`]).flat());
  });

  it('nothing for what cannot exist', async () => {
    await expect(cache.get('a:b', { maxStalenessMs: 1 })).resolves.toEqual({
      outcome: 'miss',
      redisLatencyMs: 0,
    });
    await cache.getMany(['a:b', ''], { maxStalenessMs: 1 });
    expect(lines).toEqual([]);
  });

  it('one question for a thousand at once that know nothing, and few while the worker is gone', async () => {
    const thousand = () =>
      Promise.all(
        Array.from({ length: 1_000 }, () => cache.get('cat-001', { maxStalenessMs, deadlineMs: 10_000 })),
      );
    const stale = await thousand();
    expect(new Set(stale.map(({ isStale }) => isStale))).toEqual(new Set([true]));
    expect(timesAsked()).toBe(1);
    await thousand();
    expect(timesAsked()).toBe(2);
    await beat(client, heartbeat);
    const fresh = await thousand();
    expect(new Set(fresh.map(({ isStale }) => isStale))).toEqual(new Set([false]));
    expect(timesAsked()).toBe(3);
    await thousand();
    expect(timesAsked()).toBe(3);
  });

  it('a few questions a second while a worker beats', async () => {
    const startedAt = performance.now();
    let beats = 0;
    let lookups = 0;
    while (performance.now() - startedAt < 2_000) {
      if (performance.now() - startedAt > beats * 250) {
        await beat(client, heartbeat);
        beats++;
      }
      const lookup = await cache.get('cat-001', { maxStalenessMs: 2_000 });
      expect(lookup).toMatchObject({ outcome: 'hit', isStale: false });
      lookups++;
    }
    expect(lookups).toBeGreaterThan(200);
    expect(timesAsked()).toBeGreaterThan(0);
    expect(timesAsked()).toBeLessThanOrEqual(20);
  });
});
