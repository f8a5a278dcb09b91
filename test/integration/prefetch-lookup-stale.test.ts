import type { Express, RequestHandler } from 'express';
import request from 'supertest';
import {
  PrefetchCache,
  type PrefetchLookupManyOptions,
  type PrefetchLookupOptions,
  prefetchLookup,
  prefetchLookupMany,
} from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { expresses, tellError } from '../support/expresses.js';
import { beat } from '../support/heartbeat.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';

const maxStalenessMs = 5_000;

const clients = new Clients();
let redis: TestRedis;
let proxy: TcpProxy;
let client: TestClient;
let prefix: string;
let cache: PrefetchCache<Category>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  proxy = await startTcpProxy(redis.port);
});
afterEach(() => {
  proxy.release();
  clients.closeAll();
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});

const versions = expresses.flatMap(([version, express]) =>
  layouts.map((layout) => [version, layout, express] as const),
);

describe.each(versions)('a dataset whose worker is gone, in %s and the layout %s', (_, layout, express) => {
  beforeEach(async () => {
    client = await clients.connect(proxy.url);
    prefix = uniquePrefix();
    cache = new PrefetchCache({ client, schema: categorySchema(prefix, layout), deadlineMs: 150 });
    await cache.bulkLoad(categories);
    await beat(client, cache.dataset.keys.heartbeat, maxStalenessMs + 1);
  });

  /** `/:id` for one, `/?ids=` for many. */
  function appWith(
    options: PrefetchLookupOptions & PrefetchLookupManyOptions = {},
    ofOne: PrefetchLookupOptions = {},
  ): Express {
    const app = express();
    const one = prefetchLookup(cache, { maxStalenessMs, ...options, ...ofOne });
    const many = prefetchLookupMany(cache, { maxStalenessMs, name: 'many', ...options });
    app.get('/:id', one, (req, res) => {
      res.json({ found: one.from(req) ?? null, prefetch: Object.values(req.prefetch) });
    });
    app.get('/', many, (req, res) => {
      res.json({ found: many.from(req) ?? null, prefetch: Object.values(req.prefetch) });
    });
    app.use(tellError);
    return app;
  }

  const both = ['/cat-001', '/?ids=cat-001'];
  const missing = ['/cat-404', '/?ids=cat-001,cat-404'];

  it.each([...both, ...missing])('answers 503 to %s, and when to ask again', async (path) => {
    const response = await request(appWith()).get(path).expect(503);
    expect(response.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'retry-after': '5',
      'cache-control': 'no-store',
      'cache-status': `"${prefix}"; detail=stale`,
    });
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: `What is known of the dataset ${prefix} may be outdated.`,
      outcome: 'stale',
    });
  });

  it('answers as always when the worker is back, or when nobody asked for it', async () => {
    const app = appWith();
    await request(app).get('/cat-001').expect(503);
    await beat(client, cache.dataset.keys.heartbeat);
    for (const path of both) {
      const { headers } = await request(app).get(path).expect(200);
      expect(headers['cache-status']).toBe(`"${prefix}"; hit`);
    }
    const miss = await request(app).get('/cat-404').expect(404);
    expect(miss.headers['cache-status']).toBe(`"${prefix}"; detail=miss`);
    await client.del(cache.dataset.keys.heartbeat);
    const careless = express().get('/:id', prefetchLookup(cache), (_req, res) => res.json('found'));
    await request(careless).get('/cat-001').expect(200);
    await request(careless).get('/cat-404').expect(404);
  });

  it('answers 404 to what cannot exist', async () => {
    const { headers } = await request(appWith()).get('/a:b').expect(404);
    expect(headers['cache-status']).toBe(`"${prefix}"; detail=miss`);
  });

  it('is rather not loaded or unavailable than stale', async () => {
    const app = appWith({ onStale: 'serve' });
    await client.flushAll();
    for (const path of both) {
      const { text } = await request(app).get(path).expect(503);
      expect(JSON.parse(text)).toMatchObject({ outcome: 'not-loaded' });
    }
    proxy.holdReplies();
    for (const path of both) {
      const startedAt = performance.now();
      const { text } = await request(app).get(path).expect(503);
      expect(JSON.parse(text)).toMatchObject({ outcome: 'unavailable' });
      expect(performance.now() - startedAt).toBeLessThan(1_150);
    }
  });

  describe('when it is to be served all the same', () => {
    it('serves a hit, and says so', async () => {
      const one = await request(appWith({ onStale: 'serve' }))
        .get('/cat-001')
        .expect(200, { found: beverages, prefetch: [beverages] });
      expect(one.headers['cache-status']).toBe(`"${prefix}"; hit; detail=stale`);
      const found = { records: [beverages], missing: [] };
      const many = await request(appWith({ onStale: 'serve' }))
        .get('/?ids=cat-001')
        .expect(200, { found, prefetch: [found] });
      expect(many.headers['cache-status']).toBe(`"${prefix}"; hit; detail=stale`);
    });

    it('serves a miss, and says so', async () => {
      const one = await request(appWith({ onStale: 'serve' }))
        .get('/cat-404')
        .expect(404);
      expect(one.headers['cache-status']).toBe(`"${prefix}"; detail=stale-miss`);
      expect(JSON.parse(one.text)).toMatchObject({ outcome: 'miss' });
      const found = { records: [beverages], missing: ['cat-404'] };
      const many = await request(appWith({ onStale: 'serve' }))
        .get('/?ids=cat-001,cat-404')
        .expect(200, { found, prefetch: [found] });
      expect(many.headers['cache-status']).toBe(`"${prefix}"; detail=stale-miss`);
    });

    it('leaves a miss to its own handler', async () => {
      await request(appWith({ onStale: 'serve' }, { onMiss: 'next' }))
        .get('/cat-404')
        .expect(200, { found: null, prefetch: [null] });
    });

    it('says nothing of it while the worker is there', async () => {
      await beat(client, cache.dataset.keys.heartbeat);
      const { headers } = await request(appWith({ onStale: 'serve' }))
        .get('/cat-001')
        .expect(200);
      expect(headers['cache-status']).toBe(`"${prefix}"; hit`);
    });
  });

  describe('by option', () => {
    const teapot: RequestHandler = (_req, res) => {
      res.status(418).json('of the app');
    };
    const failing: RequestHandler = () => Promise.reject(new Error('handler failed'));

    it.each([...both, ...missing])('answers %s with a handler', async (path) => {
      const app = appWith({ onStale: teapot, onUnavailable: failing }, { onMiss: failing });
      const { headers } = await request(app).get(path).expect(418, '"of the app"');
      expect(headers['cache-status']).toBe(`"${prefix}"; detail=stale`);
    });

    it.each([...both, ...missing])('goes on without what was found for %s', async (path) => {
      const { headers } = await request(appWith({ onStale: 'next' }))
        .get(path)
        .expect(200, { found: null, prefetch: [null] });
      expect(headers['cache-status']).toBe(`"${prefix}"; detail=stale`);
    });

    it('hands on what the handler throws', async () => {
      const app = appWith({ onStale: failing });
      for (const path of both)
        await request(app)
          .get(path)
          .expect(500, /handler failed/);
    });

    it('is left alone while the worker is there', async () => {
      await beat(client, cache.dataset.keys.heartbeat);
      const app = appWith({ onStale: teapot });
      await request(app).get('/cat-001').expect(200);
      await request(app).get('/cat-404').expect(404);
    });
  });
});
