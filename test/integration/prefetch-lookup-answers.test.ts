import type { Express, RequestHandler } from 'express';
import request from 'supertest';
import { PrefetchCache, type PrefetchLookupOptions, prefetchLookup, sendProblem } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { expresses, tellError } from '../support/expresses.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';

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
beforeEach(async () => {
  client = await clients.connect(proxy.url);
  prefix = uniquePrefix();
  cache = new PrefetchCache({ client, schema: categorySchema(prefix, 'JSON'), deadlineMs: 150 });
  await cache.bulkLoad(categories);
});
afterEach(() => {
  proxy.release();
  clients.closeAll();
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});

describe.each(expresses)('prefetchLookup() answers in %s', (_, express) => {
  function appWith(options: PrefetchLookupOptions = {}, before: RequestHandler[] = []): Express {
    const app = express();
    const lookup = prefetchLookup(cache, options);
    app.get('/:id', ...before, lookup, (req, res) => {
      res.json({ record: lookup.from(req) ?? null, prefetch: Object.values(req.prefetch) });
    });
    app.use(tellError);
    return app;
  }

  it('a miss with 404 as problem+json', async () => {
    const response = await request(appWith()).get('/cat-404').expect(404);
    expect(response.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-status': `"${prefix}"; detail=miss`,
      'content-length': String(Buffer.byteLength(response.text)),
    });
    expect(response.headers).not.toHaveProperty('retry-after');
    expect(response.headers).not.toHaveProperty('etag');
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: `The dataset ${prefix} has no such record.`,
      outcome: 'miss',
    });
  });

  it('a dataset that is not loaded with 503 and when to ask again', async () => {
    await client.flushAll();
    const response = await request(appWith()).get('/cat-001').expect(503);
    expect(response.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'retry-after': '5',
      'cache-control': 'no-store',
      'cache-status': `"${prefix}"; detail=not-loaded`,
    });
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: `The dataset ${prefix} is not loaded yet.`,
      outcome: 'not-loaded',
    });
  });

  it('a Redis that does not answer with 503, within the deadline', async () => {
    proxy.holdReplies();
    const startedAt = performance.now();
    const response = await request(appWith()).get('/cat-001').expect(503);
    expect(performance.now() - startedAt).toBeLessThan(1_150);
    expect(response.headers).toMatchObject({
      'content-type': 'application/problem+json; charset=utf-8',
      'retry-after': '1',
      'cache-control': 'no-store',
      'cache-status': `"${prefix}"; detail=unavailable`,
    });
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: `The dataset ${prefix} cannot be read now.`,
      outcome: 'unavailable',
    });
  });

  it('a Redis that does not answer, within a deadline of its own', async () => {
    proxy.holdReplies();
    const patient = new PrefetchCache({ client, schema: categorySchema(prefix, 'JSON'), deadlineMs: 60_000 });
    const app = express();
    app.get('/:id', prefetchLookup(patient, { deadlineMs: 50 }), (_req, res) => res.json('found'));
    await request(app).get('/cat-001').expect(503);
  });

  it('a closed client with 503', async () => {
    client.destroy();
    await request(appWith()).get('/cat-001').expect(503);
  });

  it('HEAD as GET, without a body', async () => {
    const hit = await request(appWith()).head('/cat-001').expect(200);
    expect(hit.text).toBeUndefined();
    const miss = await request(appWith()).head('/cat-404').expect(404);
    expect(miss.text).toBeUndefined();
    expect(miss.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  });

  describe('with Cache-Status', () => {
    it('a hit', async () => {
      const response = await request(appWith()).get('/cat-001').expect(200);
      expect(response.headers['cache-status']).toBe(`"${prefix}"; hit`);
    });

    it('behind what is there already', async () => {
      const earlier: RequestHandler = (_req, res, next) => {
        res.setHeader('Cache-Status', 'Origin; fwd=uri-miss');
        next();
      };
      const response = await request(appWith({}, [earlier]))
        .get('/cat-001')
        .expect(200);
      expect(response.headers['cache-status']).toBe(`Origin; fwd=uri-miss, "${prefix}"; hit`);
    });

    it('of every lookup of the route', async () => {
      const app = express();
      const [first, second] = [prefetchLookup(cache), prefetchLookup(cache, { id: 'other', name: 'other' })];
      app.get('/:id/:other', first, second, (_req, res) => res.json('found'));
      const response = await request(app).get('/cat-001/cat-404').expect(404);
      expect(response.headers['cache-status']).toBe(`"${prefix}"; hit, "${prefix}"; detail=miss`);
    });

    it('quoted, whatever the name of the dataset', async () => {
      const name = `${prefix}:"größe"\\`;
      const odd = new PrefetchCache({ client, schema: categorySchema(name, 'JSON') });
      await odd.bulkLoad(categories);
      const app = express();
      app.get('/:id', prefetchLookup(odd), (_req, res) => res.json('found'));
      const response = await request(app).get('/cat-001').expect(200);
      expect(response.headers['cache-status']).toBe(`"${prefix}:\\"gr??e\\"\\\\"; hit`);
    });
  });

  describe('by option', () => {
    const teapot: RequestHandler = (_req, res) => {
      res.status(418).json('of the app');
    };
    const rejecting: RequestHandler = () => Promise.reject(new Error('handler failed'));
    const throwing: RequestHandler = () => {
      throw new Error('handler failed');
    };

    it('a miss with a handler', async () => {
      const app = appWith({ onMiss: teapot });
      const response = await request(app).get('/cat-404').expect(418, '"of the app"');
      expect(response.headers['cache-status']).toBe(`"${prefix}"; detail=miss`);
      await request(app).get('/cat-001').expect(200);
      await client.flushAll();
      await request(app).get('/cat-404').expect(503);
    });

    it('a miss by going on without a record', async () => {
      const app = appWith({ onMiss: 'next' });
      await request(app)
        .get('/cat-404')
        .expect(200, { record: null, prefetch: [null] });
      await request(app)
        .get('/a:b')
        .expect(200, { record: null, prefetch: [null] });
      await request(app)
        .get('/cat-001')
        .expect(200, { record: beverages, prefetch: [beverages] });
      await client.flushAll();
      await request(app).get('/cat-404').expect(503);
    });

    it('what is unavailable or not loaded with a handler', async () => {
      const app = appWith({ onUnavailable: teapot });
      await request(app).get('/cat-404').expect(404);
      await client.flushAll();
      await request(app).get('/cat-001').expect(418);
      proxy.holdReplies();
      await request(app).get('/cat-001').expect(418);
    });

    it('what is unavailable or not loaded by going on without a record', async () => {
      const app = appWith({ onUnavailable: 'next' });
      await client.flushAll();
      await request(app)
        .get('/cat-001')
        .expect(200, { record: null, prefetch: [null] });
      proxy.holdReplies();
      const response = await request(app)
        .get('/cat-001')
        .expect(200, { record: null, prefetch: [null] });
      expect(response.headers['cache-status']).toBe(`"${prefix}"; detail=unavailable`);
    });

    it.each([
      ['rejects', rejecting],
      ['throws', throwing],
    ])('a handler that %s reaches the error handler', async (__, failing) => {
      await request(appWith({ onMiss: failing }))
        .get('/cat-404')
        .expect(500, /handler failed/);
      await client.flushAll();
      await request(appWith({ onUnavailable: failing }))
        .get('/cat-001')
        .expect(500, /handler failed/);
    });

    it('a handler may go on, or hand on an error', async () => {
      const on: RequestHandler = (_req, _res, next) => {
        next();
      };
      const off: RequestHandler = (_req, _res, next) => {
        next(new Error('handed on'));
      };
      await request(appWith({ onMiss: on }))
        .get('/cat-404')
        .expect(200);
      await request(appWith({ onMiss: off }))
        .get('/cat-404')
        .expect(500, /handed on/);
    });
  });

  it('ETag and 304 as Express does', async () => {
    const app = appWith();
    const first = await request(app).get('/cat-001').expect(200);
    const etag = present(first.headers['etag']);
    expect(etag).toMatch(/^W\/"/);
    const again = await request(app).get('/cat-001').set('If-None-Match', etag).expect(304);
    expect(again.text).toBe('');
    expect(again.headers['cache-status']).toBe(`"${prefix}"; hit`);
    await cache.applyChange({ op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true });
    await request(app).get('/cat-001').set('If-None-Match', etag).expect(200);
    await request(app).get('/cat-404').set('If-None-Match', '*').expect(404);
  });

  it('problems of the app in the same form: sendProblem()', async () => {
    const app = express();
    app.get('/', (_req, res) => {
      sendProblem(res, { status: 409, title: 'Taken', detail: 'cat-001 gehört schon wem.', id: 'cat-001' });
    });
    const response = await request(app).get('/').expect(409);
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Taken',
      status: 409,
      detail: 'cat-001 gehört schon wem.',
      id: 'cat-001',
    });
  });
});
