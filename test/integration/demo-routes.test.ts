import request from 'supertest';
import type { CategoryLayout } from '../../src/demo/category.js';
import { generatedCategories } from '../../src/demo/category.js';
import { type DemoApp, startDemoApp } from '../support/demo-app.js';
import { expectProblem } from '../support/problem.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let demo: DemoApp;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(async () => {
  await redis.stop();
});

const get = (path: string) => request(demo.server).get(path);
const send = (method: 'post' | 'patch' | 'delete', path: string, body: object = {}) =>
  request(demo.server)[method](path).send(body);

const layouts: [CategoryLayout, object][] = [
  ['json', { id: 'cat-001', name: 'Beverages', display_order: 1, featured: true, parent_id: '' }],
  ['hash', { id: 'cat-001', name: 'Beverages', display_order: '1', featured: 'true', parent_id: '' }],
];

describe.each(layouts)('in the %s layout', (layout, beverages) => {
  const typed = (order: number, featured: boolean) =>
    layout === 'hash'
      ? { display_order: String(order), featured: String(featured) }
      : { display_order: order, featured };

  beforeEach(async () => {
    demo = await startDemoApp(redis, { layout });
  });

  afterEach(async () => {
    await demo.stop();
  });

  describe('GET /categories/:id', () => {
    test('200 with the record, and 304 when it is the same still', async () => {
      const response = await get('/categories/cat-001').expect(200, beverages);
      expect(response.headers['cache-status']).toBe(`"${demo.cache.name}"; hit`);
      await get('/categories/cat-001').set('If-None-Match', String(response.headers['etag'])).expect(304);
    });

    test('404 when there is none', async () => {
      const response = await get('/categories/cat-999');
      expectProblem(response, 404);
      expect(response.text).toContain('"outcome":"miss"');
      expect(demo.primary.reads).toBe(1);
    });

    test('503 when nothing is loaded', async () => {
      await send('post', '/admin/clear').expect(200);
      const response = await get('/categories/cat-001');
      expectProblem(response, 503);
      expect(response.text).toContain('"outcome":"not-loaded"');
      expect(response.headers).toHaveProperty('retry-after');
    });
  });

  describe('GET /categories?ids=', () => {
    test('200 with the records in the order asked, and what is missing', async () => {
      const { body } = await get('/categories?ids=cat-005,cat-999,cat-001').expect(200);
      expect(body).toEqual({
        records: [expect.objectContaining({ id: 'cat-005', parent_id: 'cat-002' }), beverages],
        missing: ['cat-999'],
      });
    });

    test('400 without ids, and with more than 100', async () => {
      expectProblem(await get('/categories'), 400);
      expectProblem(await get(`/categories?ids=${Array.from({ length: 101 }, (_, i) => i).join(',')}`), 400);
    });

    test('503 when nothing is loaded', async () => {
      await send('post', '/admin/clear').expect(200);
      expectProblem(await get('/categories?ids=cat-001'), 503);
    });
  });

  describe('POST /primary/categories', () => {
    test('201, and the sync worker brings it into the cache', async () => {
      const given = { id: 'käse', name: 'Käse', display_order: 7, featured: true, parent_id: 'cat-005' };
      const record = { ...given, ...typed(7, true) };
      const response = await send('post', '/primary/categories', given).expect(201, record);
      expect(response.headers['location']).toBe('/categories/k%C3%A4se');
      const cached = await until(async () => (await demo.cache.get('käse')).record);
      expect(cached).toEqual(record);
      await get('/categories/k%C3%A4se').expect(200, record);
    });

    test('201 with defaults, and with text for number and flag', async () => {
      await send('post', '/primary/categories', { id: 'a', name: 'A' }).expect(201, {
        ...{ id: 'a', name: 'A', parent_id: '' },
        ...typed(0, false),
      });
      const texts = { id: 'b', name: 'B', display_order: '-3', featured: 'true' };
      await send('post', '/primary/categories', texts).expect(201, {
        ...texts,
        ...typed(-3, true),
        parent_id: '',
      });
    });

    test('409 when it exists', async () => {
      expectProblem(await send('post', '/primary/categories', { id: 'cat-001', name: 'X' }), 409, /cat-001/);
    });

    test.each([
      [[], /must be a JSON object/],
      [{}, /needs an `id`/],
      [{ id: 'x' }, /needs a `name`/],
      [{ id: '', name: 'X' }, /`id` must be/],
      [{ id: 'a:b', name: 'X' }, /`id` must be/],
      [{ id: 'a b', name: 'X' }, /`id` must be/],
      [{ id: 'a{b', name: 'X' }, /`id` must be/],
      [{ id: 'x'.repeat(257), name: 'X' }, /`id` must be/],
      [{ id: '\ud800', name: 'X' }, /`id` must be/],
      [{ id: 7, name: 'X' }, /`id` must be/],
      [{ id: 'x', name: '' }, /`name` must be/],
      [{ id: 'x', name: 'two\nlines' }, /`name` must be/],
      [{ id: 'x', name: null }, /`name` must be/],
      [{ id: 'x', name: 'X', display_order: 'first' }, /`display_order` must be/],
      [{ id: 'x', name: 'X', display_order: 1.5 }, /`display_order` must be/],
      [{ id: 'x', name: 'X', featured: 'yes' }, /`featured` must be/],
      [{ id: 'x', name: 'X', featured: ['true'] }, /`featured` must be/],
      [{ id: 'x', name: 'X', parent_id: 'a b' }, /`parent_id` must be/],
      [{ id: 'x', name: 'X', colour: 'red' }, /`colour` is not one of/],
    ])('400 for %j', async (body, detail) => {
      expectProblem(await send('post', '/primary/categories', body), 400, detail);
      expect(demo.primary.size).toBe(5);
    });
  });

  describe('PATCH /primary/categories/:id', () => {
    test('200, and the sync worker brings it into the cache', async () => {
      const record = { ...beverages, name: 'Drinks', ...typed(9, false) };
      const fields = { name: 'Drinks', display_order: 9, featured: false };
      await send('patch', '/primary/categories/cat-001', fields).expect(200, record);
      const cached = await until(async () => {
        const found = (await demo.cache.get('cat-001')).record;
        return found?.name === 'Drinks' && found;
      });
      expect(cached).toEqual(record);
    });

    test('404 when there is none', async () => {
      expectProblem(await send('patch', '/primary/categories/cat-999', { name: 'X' }), 404, /cat-999/);
    });

    test.each([
      [{}, /at least one of name/],
      [{ id: 'cat-009' }, /`id` is not one of/],
      [{ name: '' }, /`name` must be/],
      [{ display_order: null }, /`display_order` must be/],
      [{ featured: 1 }, /`featured` must be/],
    ])('400 for %j', async (body, detail) => {
      expectProblem(await send('patch', '/primary/categories/cat-001', body), 400, detail);
      expect(demo.primary.peek('cat-001')).toEqual(beverages);
    });
  });

  test('DELETE /primary/categories/:id: 204, then 404, and it is a miss', async () => {
    await send('delete', '/primary/categories/cat-004').expect(204);
    expectProblem(await send('delete', '/primary/categories/cat-004'), 404, /cat-004/);
    await until(async () => (await demo.cache.get('cat-004')).outcome === 'miss');
  });

  test('GET /admin/state: both sides, what is missing and what is orphaned', async () => {
    await demo.cache.invalidate('cat-002');
    const orphan = { ...beverages, id: 'cat-777' } as typeof beverages & { id: string };
    await demo.cache.applyChange({ op: 'upsert', id: 'cat-777', record: orphan as never });
    const { body } = await get('/admin/state').expect(200);
    expect(body).toEqual({
      cacheIds: ['cat-001', 'cat-003', 'cat-004', 'cat-005', 'cat-777'],
      primaryIds: ['cat-001', 'cat-002', 'cat-003', 'cat-004', 'cat-005'],
      missing: ['cat-002'],
      orphaned: ['cat-777'],
      ...{ cacheCount: 5, primaryCount: 5, missingCount: 1, orphanedCount: 1 },
      ...{ truncated: false, limit: 200, loaded: true, layout: layout.toUpperCase(), ttlSeconds: 600 },
    });
    expect(demo.primary.reads).toBe(1);
    await send('post', '/admin/clear').expect(200);
    expect((await get('/admin/state')).body).toMatchObject({ cacheIds: [], missingCount: 5, loaded: false });
  });

  test('GET /admin/entries/:id: 200, 404, 503', async () => {
    const { body } = await get('/admin/entries/cat-001').expect(200);
    expect(body).toEqual({
      record: beverages,
      ttlSeconds: expect.any(Number) as number,
      redisLatencyMs: expect.any(Number) as number,
    });
    expect(body.ttlSeconds).toBeGreaterThan(500);
    expect(body.ttlSeconds).toBeLessThanOrEqual(600);
    const miss = await get('/admin/entries/cat-999');
    expectProblem(miss, 404);
    expect(miss.text).toContain('"outcome":"miss"');
    await send('post', '/admin/clear').expect(200);
    const response = await get('/admin/entries/cat-001');
    expectProblem(response, 503);
    expect(response.text).toContain('"outcome":"not-loaded"');
    expect(response.headers).toHaveProperty('retry-after');
  });

  test('POST /admin/reprefetch: everything is there again', async () => {
    await send('post', '/admin/clear').expect(200);
    const { body } = await send('post', '/admin/reprefetch').expect(200);
    expect(body).toEqual({ loaded: 5, refused: 0, removed: 0, elapsedMs: expect.any(Number) as number });
    await get('/categories/cat-001').expect(200, beverages);
  });
});

test('the bytes of the hash layout are those of the guides', async () => {
  demo = await startDemoApp(redis, { layout: 'hash' });
  expect(await demo.client.hGetAll(`${demo.cache.name}:cat-005`)).toEqual({
    id: 'cat-005',
    name: 'Specialty Cheeses',
    display_order: '5',
    featured: 'false',
    parent_id: 'cat-002',
  });
  await demo.stop();
});

describe('in any layout', () => {
  beforeEach(async () => {
    demo = await startDemoApp(redis);
  });

  afterEach(async () => {
    await demo.stop();
  });

  test('GET /healthz', () => get('/healthz').expect(200, { status: 'ok' }));

  test('GET /readyz: 200 when loaded and followed, else 503 with what is lacking', async () => {
    const { body } = await until(async () => {
      const response = await get('/readyz');
      return response.status === 200 && response;
    });
    expect(body).toEqual({ status: 'ready', loadedAt: expect.any(String) as string, records: 5 });
    await send('post', '/admin/clear').expect(200);
    const response = await get('/readyz');
    expectProblem(response, 503, /^Not ready: the dataset is not loaded\.$/);
    expect(response.headers).toHaveProperty('retry-after');
  });

  test('GET /readyz: 503 when no worker has been heard of lately', async () => {
    const heartbeat = `prefetch:{${demo.cache.name}}:heartbeat`;
    await until(async () => (await get('/readyz')).status === 200);
    await demo.crew.stop(1000);
    await get('/readyz').expect(200);
    await demo.client.set(heartbeat, Number(await demo.client.get(heartbeat)) - 12_000);
    expectProblem(await get('/readyz'), 503, /^Not ready: no sync worker has been heard of for 1\d s\.$/);
    await demo.client.del(heartbeat);
    expectProblem(await get('/readyz'), 503, /^Not ready: no sync worker has been heard of\.$/);
    await demo.cache.clear();
    expectProblem(await get('/readyz'), 503, /not loaded, no sync worker has been heard of/);
  });

  test('GET /admin/stats and POST /admin/stats/reset', async () => {
    await get('/categories?ids=cat-001,cat-002,cat-003,cat-999');
    await send('delete', '/primary/categories/cat-004');
    await until(() => demo.cache.stats().changesApplied === 1);
    const { body } = await get('/admin/stats').expect(200);
    expect(body).toEqual({
      ...{ hits: 3, misses: 1, notLoaded: 0, unavailable: 0, hitRatePct: 75, prefetched: 5 },
      ...{
        syncEventsApplied: 1,
        syncLagMsAvg: expect.any(Number) as number,
        syncLagMsMax: expect.any(Number) as number,
      },
      ...{ primaryReads: 1, workerState: 'following', loading: null },
      workers: [
        { name: 'worker-1', state: 'following' },
        { name: 'worker-2', state: 'standby' },
      ],
      deadLetters: 0,
      changes: {
        ...{ received: 1, applied: 1, covered: 0 },
        ...{ dead: 0, replayed: 0, discarded: 0, waiting: 0 },
      },
      stalenessMs: expect.any(Number) as number,
    });
    const reset = { hits: 0, misses: 0, hitRatePct: 0, prefetched: 0, syncEventsApplied: 0, primaryReads: 0 };
    expect((await send('post', '/admin/stats/reset').expect(200)).body).toMatchObject(reset);
    expect((await get('/admin/stats')).body).toMatchObject(reset);
  });

  test('GET /admin/primary shows the primary without reading it', async () => {
    const { body } = await get('/admin/primary?limit=2').expect(200);
    expect(body).toEqual({ records: [demo.primary.peek('cat-001'), demo.primary.peek('cat-002')], count: 5 });
    expect(demo.primary.reads).toBe(1);
  });

  test('POST /admin/invalidate/:id says whether there was one', async () => {
    await send('post', '/admin/invalidate/cat-001').expect(200, { invalidated: true });
    await send('post', '/admin/invalidate/cat-001').expect(200, { invalidated: false });
    expectProblem(await get('/categories/cat-001'), 404);
  });

  test('POST /admin/clear says how many there were', async () => {
    await send('post', '/admin/clear').expect(200, { removed: 5 });
    await send('post', '/admin/clear').expect(200, { removed: 0 });
  });

  test('POST /admin/clear holds the workers until POST /admin/reprefetch', async () => {
    await send('post', '/admin/clear').expect(200, { removed: 5 });
    const { body } = await get('/admin/stats').expect(200);
    expect(body).toMatchObject({
      workerState: 'paused',
      workers: [
        { name: 'worker-1', state: 'paused' },
        { name: 'worker-2', state: 'paused' },
      ],
    });
    await send('post', '/primary/categories', { id: 'cat-006', name: 'New' }).expect(201);
    expectProblem(await get('/categories/cat-006'), 503);
    expect((await send('post', '/admin/reprefetch').expect(200)).body).toMatchObject({ loaded: 6 });
    await get('/categories/cat-006').expect(200);
    expect((await get('/admin/stats')).body).toMatchObject({ workerState: 'following' });
  });

  test('a clear by somebody else is mended at once', async () => {
    await demo.cache.clear();
    await until(async () => (await get('/readyz')).status === 200);
    expect((await get('/admin/state')).body).toMatchObject({ cacheCount: 5, loaded: true });
  });

  test('POST /admin/reprefetch: 409 when the workers are stopped', async () => {
    await demo.crew.stop(1000);
    expectProblem(await send('post', '/admin/reprefetch'), 409, /stopped/);
  });

  test.each(['0', '-1', 'many', '1.5', '', '1&limit=2'])('limit=%s is refused', async (limit) => {
    expectProblem(await get(`/admin/state?limit=${limit}`), 400, /limit/);
    expectProblem(await get(`/admin/primary?limit=${limit}`), 400, /limit/);
  });

  test('an unknown route: 404', async () => {
    expectProblem(await get('/nothing'), 404, /GET \/nothing/);
    expectProblem(await send('post', '/categories/cat-001'), 404);
    expectProblem(await send('delete', '/admin/nothing'), 404);
  });

  test('an id with a broken escape: 400', async () => {
    expectProblem(await get('/categories/%E0%A4%A'), 400);
  });

  test('a record of the wrong type: 500, logged', async () => {
    await demo.client.rPush(`${demo.cache.name}:cat-bad`, 'x');
    expectProblem(await get('/categories/cat-bad'), 500);
    expect(demo.logged).toEqual([expect.objectContaining({ code: 'ERR_PREFETCH_WRONG_TYPE' })]);
  });

  test('the page is at /, with the default policy of helmet, which plain HTTP does not break', async () => {
    const { headers, text } = await get('/').expect(200);
    expect(text).toContain('The page');
    expect(headers['content-security-policy']).toMatch(/default-src 'self'.*script-src 'self'/);
    expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  const changing: ['post' | 'patch' | 'delete', string][] = [
    ['post', '/primary/categories'],
    ['patch', '/primary/categories/cat-001'],
    ['delete', '/primary/categories/cat-001'],
    ['post', '/admin/invalidate/cat-001'],
    ['post', '/admin/clear'],
    ['post', '/admin/reprefetch'],
    ['post', '/admin/reconcile?repair=1'],
    ['post', '/admin/stats/reset'],
    ['post', '/admin/faults/flush-redis'],
    ['post', '/admin/faults/poison'],
    ['post', '/admin/dead-letters/1-0/replay'],
    ['delete', '/admin/dead-letters/1-0'],
  ];

  describe.each(changing)('%s %s', (method, path) => {
    const call = () => request(demo.server)[method](path);

    afterEach(async () => {
      expect(demo.primary.size).toBe(5);
      expect((await get('/admin/state')).body).toMatchObject({ cacheCount: 5, missingCount: 0 });
    });

    test('415 for anything but JSON', async () => {
      expectProblem(await call(), 415);
      expectProblem(await call().type('form').send({ id: 'x', name: 'X' }), 415);
      expectProblem(await call().type('text/plain').send('{}'), 415);
      expectProblem(await call().set('Content-Type', 'application/jsonp').send('{}'), 415);
    });

    test('403 from another origin', async () => {
      for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
        expectProblem(await call().type('json').set('Origin', origin).send('{}'), 403, /same origin/);
      }
      for (const site of ['cross-site', 'same-site', 'none']) {
        expectProblem(await call().type('json').set('Sec-Fetch-Site', site).send('{}'), 403);
      }
    });

    test('400 for broken JSON, 413 for too much of it', async () => {
      expectProblem(await call().type('json').send('{"id":'), 400);
      expectProblem(
        await call()
          .type('json')
          .send(`{"name":"${'x'.repeat(17_000)}"}`),
        413,
      );
    });
  });

  test('from the same origin it is accepted, also without a body', async () => {
    const { host } = new URL(demo.url);
    const response = await fetch(`${demo.url}/admin/clear`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        Origin: `http://${host}`,
        'Sec-Fetch-Site': 'same-origin',
      },
    });
    expect(await response.json()).toEqual({ removed: 5 });
  });

  test('a body in a charset that nobody reads: 415', async () => {
    const response = await request(demo.server)
      .post('/primary/categories')
      .set('Content-Type', 'application/json; charset=latin-7')
      .send('{}');
    expectProblem(response, 415);
  });
});

test('GET /admin/state of many records is capped, and says so', async () => {
  demo = await startDemoApp(redis, { records: generatedCategories('json', 5_000) });
  await demo.cache.invalidate('cat-004999');
  const response = await get('/admin/state').expect(200);
  const body = response.body as Record<string, string[]>;
  expect(body).toMatchObject({
    ...{ cacheCount: 4_999, primaryCount: 5_000, missingCount: 1, orphanedCount: 0 },
    ...{ missing: ['cat-004999'], truncated: true, limit: 200 },
  });
  expect(body['cacheIds']).toEqual(body['primaryIds']);
  expect(body['primaryIds']?.slice(0, 2)).toEqual(['cat-000001', 'cat-000002']);
  expect(body['primaryIds']).toHaveLength(200);
  expect(response.text.length).toBeLessThan(10_000);
  const most = (await get('/admin/state?limit=100000')).body as Record<string, string[]>;
  expect(most['primaryIds']).toHaveLength(1000);
  expect(most['primaryIds']?.at(-1)).toBe('cat-001000');
  await demo.stop();
});

describe('without Redis', () => {
  let own: TestRedis;

  beforeEach(async () => {
    own = await startTestRedis({ private: true });
    demo = await startDemoApp(own, { deadlineMs: 300 });
  });

  afterEach(async () => {
    await own.stop();
    await demo.stop();
  });

  test.each(['gone', 'stalled'])('%s: 503 everywhere it is needed, and the primary goes on', async (how) => {
    if (how === 'gone') await own.kill();
    else own.stall();
    for (const path of [
      '/categories/cat-001',
      '/categories?ids=cat-001',
      '/admin/state',
      '/admin/entries/cat-001',
      '/admin/explain/cat-001',
      '/admin/dead-letters',
      '/readyz',
    ]) {
      const response = await get(path);
      expectProblem(response, 503);
      expect(response.text).toContain('"outcome":"unavailable"');
      expect(response.headers).toHaveProperty('retry-after');
    }
    for (const path of [
      ...['/admin/clear', '/admin/invalidate/cat-001', '/admin/reprefetch', '/admin/reconcile'],
      ...['/admin/faults/flush-redis', '/admin/faults/drift', '/admin/dead-letters/1-0/replay'],
    ]) {
      expectProblem(await send('post', path), 503, /Redis/);
    }
    await get('/healthz').expect(200);
    await get('/admin/stats').expect(200);
    await get('/admin/primary').expect(200);
    await send('post', '/primary/categories', { id: 'cat-006', name: 'New' }).expect(201);
    expect(demo.logged).toEqual([]);
  });
});
