import { setTimeout as pause } from 'node:timers/promises';
import { PrefetchCache } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { beat } from '../support/heartbeat.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const minuteMs = 60_000;
const deadlineMs = 250;
/** What a busy machine may add to a deadline. */
const slackMs = 1_000;

const clients = new Clients();
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
let redis: TestRedis;
let admin: TestClient;
let proxy: TcpProxy;

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  redis = await startTestRedis({ private: true });
  admin = await redis.client();
  proxy = await startTcpProxy(redis.port);
});
afterEach(() => {
  clients.closeAll();
  proxy.up();
  proxy.release();
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

describe.each(layouts)('a lookup that says how stale it may be, in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Category>;
  let heartbeat: string;

  beforeEach(async () => {
    prefix = uniquePrefix();
    cache = cacheOn(await clients.connect(proxy.url));
    heartbeat = cache.dataset.keys.heartbeat;
    await cache.bulkLoad(categories);
  });

  function cacheOn(client: TestClient): PrefetchCache<Category> {
    return new PrefetchCache({
      client,
      schema: categorySchema(prefix, layout),
      documents: 'string',
      deadlineMs,
    });
  }

  /** Whether a hit, a miss and both together are stale, found by a process that knows nothing yet. */
  async function staleness(maxStalenessMs: number): Promise<unknown[]> {
    const fresh = cacheOn(admin);
    const hit = await fresh.get('cat-001', { maxStalenessMs });
    const miss = await fresh.get('cat-404', { maxStalenessMs });
    const many = await fresh.getMany(['cat-001', 'cat-404'], { maxStalenessMs });
    expect([hit.outcome, miss.outcome, many.outcome]).toEqual(['hit', 'miss', 'miss']);
    return [hit.isStale, miss.isStale, many.isStale];
  }

  it('is fresh when the worker was heard of within that time', async () => {
    await beat(admin, heartbeat, 30_000);
    await expect(staleness(minuteMs)).resolves.toEqual([false, false, false]);
    await expect(staleness(20_000)).resolves.toEqual([true, true, true]);
    const ago = await cache.staleness();
    expect(ago).toBeGreaterThanOrEqual(30_000);
    expect(ago).toBeLessThan(40_000);
  });

  it('finds the record although it is stale', async () => {
    await expect(cache.get('cat-001', { maxStalenessMs: 1 })).resolves.toMatchObject({
      outcome: 'hit',
      record: beverages,
      isStale: true,
    });
    const many = await cache.getMany(['cat-001', 'cat-404'], { maxStalenessMs: 1 });
    expect(many).toMatchObject({ records: [beverages], missing: ['cat-404'], isStale: true });
  });

  it.each([
    ['gone', (key: string) => admin.del(key)],
    ['empty', (key: string) => admin.set(key, '')],
    ['garbage', (key: string) => admin.set(key, '\u0000 yesterday \ud83d\ude00')],
    ['no whole number', (key: string) => admin.set(key, `${String(Date.now())}.5`)],
    ['in seconds', (key: string) => admin.set(key, String(Math.floor(Date.now() / 1000)))],
    ['a huge number', (key: string) => admin.set(key, '9'.repeat(1_000_000))],
    ['old', (key: string) => beat(admin, key, minuteMs + 1)],
    ['in the future', (key: string) => beat(admin, key, -minuteMs)],
    ['another type', (key: string) => admin.rPush(key, String(Date.now()))],
  ])('is stale when the heartbeat is %s, and fresh again with the next beat', async (_, write) => {
    await admin.del(heartbeat);
    await write(heartbeat);
    await expect(staleness(minuteMs)).resolves.toEqual([true, true, true]);
    await expect(cache.get('cat-001', { maxStalenessMs: minuteMs })).resolves.toMatchObject({
      isStale: true,
    });
    await beat(admin, heartbeat);
    await expect(cache.get('cat-001', { maxStalenessMs: minuteMs })).resolves.toMatchObject({
      isStale: false,
    });
    await expect(cache.staleness()).resolves.toBeLessThan(slackMs);
  });

  it('says nothing of it when it is not asked, or has nothing to say', async () => {
    expect(await cache.get('cat-001')).not.toHaveProperty('isStale');
    expect(await cache.getMany(['cat-001'])).not.toHaveProperty('isStale');
    await admin.flushAll();
    const notLoaded = await cache.get('cat-001', { maxStalenessMs: 1 });
    expect(notLoaded).toMatchObject({ outcome: 'not-loaded' });
    expect(notLoaded).not.toHaveProperty('isStale');
  });

  describe('when Redis', () => {
    it('stalls, is unavailable within the deadline', async () => {
      await beat(admin, heartbeat);
      await cache.get('cat-001', { maxStalenessMs: minuteMs });
      proxy.holdReplies();
      const startedAt = performance.now();
      const asked = [1, minuteMs].map((maxStalenessMs) => cache.get('cat-001', { maxStalenessMs }));
      const error = { code: 'ERR_PREFETCH_DEADLINE' };
      await expect(Promise.all(asked)).resolves.toMatchObject([
        { outcome: 'unavailable', error },
        { outcome: 'unavailable', error },
      ]);
      await expect(cache.staleness()).rejects.toMatchObject(error);
      expect(performance.now() - startedAt).toBeLessThan(2 * deadlineMs + slackMs);
      proxy.release();
      await until(async () => (await cache.get('cat-001', { maxStalenessMs: minuteMs })).isStale === false);
    });

    it('breaks the connection between the questions, is asked again', async () => {
      await beat(admin, heartbeat);
      for (let bytes = 20; bytes < 200; bytes += 7) {
        const client = await clients.connect(proxy.url);
        const own = cacheOn(client);
        await own.get('cat-001', { deadlineMs: 10_000 });
        proxy.cutAfterBytes(bytes);
        const lookup = await own.get('cat-001', { maxStalenessMs: minuteMs, deadlineMs: 10_000 });
        expect(lookup).toMatchObject({ outcome: 'hit', isStale: false });
        proxy.cut();
        client.destroy();
      }
    });

    it('was flushed and filled again without a worker, is stale as soon as that is known', async () => {
      await beat(admin, heartbeat);
      await cache.get('cat-001', { maxStalenessMs: 100 });
      await admin.flushAll();
      await cacheOn(admin).bulkLoad(categories);
      await until(async () => (await cache.get('cat-001', { maxStalenessMs: 100 })).isStale === true);
      await expect(cache.staleness()).resolves.toBe(Infinity);
      await expect(cache.get('cat-001', { maxStalenessMs: minuteMs })).resolves.toMatchObject({
        isStale: true,
      });
    });

    it('is restarted empty, is not loaded', async () => {
      await beat(admin, heartbeat);
      await cache.get('cat-001', { maxStalenessMs: minuteMs });
      await redis.restart();
      await until(async () => {
        const { outcome } = await cache.get('cat-001', { maxStalenessMs: minuteMs });
        expect(outcome).not.toBe('hit');
        return outcome === 'not-loaded';
      });
      await expect(cache.staleness()).resolves.toBe(Infinity);
      await until(() => admin.isReady);
    });
  });

  it('is never fresh for longer than that after the last beat, and never stale while there are beats', async () => {
    const maxStalenessMs = 300;
    await beat(admin, heartbeat);
    let beatSent = performance.now();
    let beatDone = beatSent;
    let longestBeatMs = 0;
    let isBeating = true;
    let isOver = false;
    const beating = async () => {
      while (!isOver) {
        if (isBeating) {
          beatSent = performance.now();
          await beat(admin, heartbeat);
          beatDone = performance.now();
          longestBeatMs = Math.max(longestBeatMs, beatDone - beatSent);
        }
        await pause(20);
      }
    };
    const freshAfterMs: number[] = [];
    const staleAfterMs: number[] = [];
    const looking = async () => {
      while (!isOver) {
        const begun = performance.now();
        const beatBefore = beatDone;
        const { isStale } = await cache.get('cat-001', { maxStalenessMs });
        if (isStale === true) staleAfterMs.push(performance.now() - beatBefore);
        if (isStale === false) freshAfterMs.push(begun - beatSent);
        await pause(1);
      }
    };
    const running = [beating(), ...Array.from({ length: 16 }, looking)];
    for (let round = 0; round < 4; round++) {
      await pause(250);
      if (round % 2) proxy.cut();
      isBeating = false;
      await until(() => performance.now() - beatDone > 500);
      isBeating = true;
    }
    isOver = true;
    await Promise.all(running);
    expect(freshAfterMs.length).toBeGreaterThan(100);
    expect(staleAfterMs.length).toBeGreaterThan(100);
    // When exactly the server took a beat is not known here; and it tells whole milliseconds.
    const unknownMs = longestBeatMs + 5;
    expect(Math.max(...freshAfterMs)).toBeLessThan(maxStalenessMs + unknownMs);
    expect(Math.min(...staleAfterMs)).toBeGreaterThan(maxStalenessMs - unknownMs);
  });
});
