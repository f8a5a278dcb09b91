import type { Express, RequestHandler } from 'express';
import request from 'supertest';
import { PrefetchCache, type PrefetchLookupManyOptions, prefetchLookupMany } from '../../src/index.js';
import { type Category, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { expresses, tellError } from '../support/expresses.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { type Diary, withDiary } from '../support/watched-client.js';

const clients = new Clients();
let redis: TestRedis;
let proxy: TcpProxy;
let client: TestClient;
let diary: Diary;
let prefix: string;
let cache: PrefetchCache<Category>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  proxy = await startTcpProxy(redis.port);
});
beforeEach(async () => {
  client = await clients.connect(proxy.url);
  diary = withDiary(client);
  prefix = uniquePrefix();
  cache = new PrefetchCache({
    client: diary.client,
    schema: categorySchema(prefix, 'HASH'),
    deadlineMs: 150,
  });
  await cache.bulkLoad(categories);
  diary.lines.length = 0;
});
afterEach(() => {
  proxy.release();
  clients.closeAll();
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});

describe.each(expresses)('prefetchLookupMany() in %s', (version, express) => {
  function appWith(options: PrefetchLookupManyOptions = {}, before: RequestHandler[] = []): Express {
    const app = express();
    const some = prefetchLookupMany(cache, { name: 'found', ...options });
    app.get('/', ...before, some, (req, res) => {
      res.json({ ...some.from(req), prefetch: Object.values(req.prefetch) });
    });
    app.use(tellError);
    return app;
  }

  /** The ids of the records and of what is missing. */
  async function idsFor(query: string, options?: PrefetchLookupManyOptions): Promise<[string[], string[]]> {
    const { body } = await request(appWith(options)).get(`/?${query}`).expect(200);
    const { records, missing } = body as { records: Category[]; missing: string[] };
    return [records.map(({ id }) => id), missing];
  }

  it('hands over whole records, in the order asked, and which are missing', async () => {
    const { body, headers } = await request(appWith()).get('/?ids=cat-003,cat-404,cat-001').expect(200);
    const records = [categories[2], categories[0]];
    expect(body).toEqual({ records, missing: ['cat-404'], prefetch: [{ records, missing: ['cat-404'] }] });
    expect(headers['cache-status']).toBe(`"${prefix}"; detail=miss`);
  });

  it('says hit when all are there', async () => {
    const { headers } = await request(appWith()).get('/?ids=cat-003,cat-001').expect(200);
    expect(headers['cache-status']).toBe(`"${prefix}"; hit`);
  });

  it.each([
    ['ids=cat-001', ['cat-001'], []],
    ['ids=cat-002&ids=cat-001', ['cat-002', 'cat-001'], []],
    ['ids=cat-002,cat-005&ids=cat-001,x', ['cat-002', 'cat-005', 'cat-001'], ['x']],
    ['ids=cat-001,cat-001,x,x', ['cat-001'], ['x']],
    ['ids=,cat-001,,', ['cat-001'], []],
    ['ids=archive:cat-001,cat%20001,cat-001', ['cat-001'], ['archive:cat-001', 'cat 001']],
    ['ids=x,y', [], ['x', 'y']],
    ['ids=cat%2D001', ['cat-001'], []],
  ])('understands ?%s', async (query, found, missing) => {
    await expect(idsFor(query)).resolves.toEqual([found, missing]);
  });

  it('understands a list in brackets, by the name that Express gives it', async () => {
    const ids = version === 'Express 4' ? 'ids' : 'ids[]';
    await expect(idsFor('ids[]=cat-002&ids[]=cat-001', { ids })).resolves.toEqual([
      ['cat-002', 'cat-001'],
      [],
    ]);
  });

  it('asks Redis once for each id, in one round trip', async () => {
    await idsFor('ids=cat-001,cat-002,cat-001,archive:x,cat-003');
    expect(diary.lines).toEqual([
      ...Array<string>(3).fill('> HGETALL'),
      ...Array<string>(3).fill('< HGETALL'),
    ]);
  });

  it.each(['', 'ids=', 'ids=,,', 'other=cat-001', 'ids[a]=cat-001'])('answers 400 to ?%s', async (query) => {
    const { headers, text } = await request(appWith()).get(`/?${query}`).expect(400);
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(text)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'Ask for 1 to 100 ids.',
    });
    expect(diary.lines).toEqual([]);
  });

  it('answers 400 beyond the limit, which is 100 or what the option says', async () => {
    const ids = (count: number) => Array.from({ length: count }, (_, i) => `x${i}`).join(',');
    await request(appWith())
      .get(`/?ids=${ids(100)}`)
      .expect(200);
    await request(appWith())
      .get(`/?ids=${ids(101)}`)
      .expect(400);
    const app = appWith({ limit: 2 });
    await request(app)
      .get(`/?ids=${ids(2)}`)
      .expect(200);
    const { text } = await request(app)
      .get(`/?ids=${ids(3)}`)
      .expect(400);
    expect(JSON.parse(text)).toMatchObject({ detail: 'Ask for 1 to 2 ids.' });
  });

  it('takes the ids from another parameter, or from a function', async () => {
    await expect(idsFor('categories=cat-001,cat-002', { ids: 'categories' })).resolves.toEqual([
      ['cat-001', 'cat-002'],
      [],
    ]);
    const fromHeader = appWith({ ids: (req) => (req.get('x-ids') ?? '').split(' ') });
    const { body } = await request(fromHeader).get('/').set('x-ids', 'cat-005 cat-404').expect(200);
    expect(body).toMatchObject({ records: [categories[4]], missing: ['cat-404'] });
  });

  it('takes a name by option', async () => {
    const app = express();
    app.get('/', prefetchLookupMany(cache, { name: 'menu' }), (req, res) => res.json(req.prefetch));
    await request(app)
      .get('/?ids=cat-001')
      .expect(200, { menu: { records: [categories[0]], missing: [] } });
  });

  it('attaches nothing without a name, which would be in the way of the lookup of one', async () => {
    const app = express();
    app.get('/', prefetchLookupMany(cache), (req, res) => res.json(req.prefetch));
    await request(app).get('/?ids=cat-001').expect(200, {});
  });

  it('answers 503 when the dataset is not loaded, with what is there too', async () => {
    await client.del(cache.dataset.keys.loadNote);
    const { headers, text } = await request(appWith()).get('/?ids=cat-001,cat-404').expect(503);
    expect(headers).toMatchObject({ 'retry-after': '5', 'cache-status': `"${prefix}"; detail=not-loaded` });
    expect(JSON.parse(text)).toMatchObject({ outcome: 'not-loaded' });
    await request(appWith()).get('/?ids=cat-001,cat-002').expect(200);
  });

  it('answers 503 when Redis does not answer, within its deadline', async () => {
    proxy.holdReplies();
    const { headers, text } = await request(appWith({ deadlineMs: 30 }))
      .get('/?ids=cat-001')
      .expect(503);
    expect(headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' });
    expect(JSON.parse(text)).toMatchObject({ outcome: 'unavailable' });
  });

  it('answers otherwise by option', async () => {
    proxy.holdReplies();
    await request(appWith({ onUnavailable: 'next' }))
      .get('/?ids=cat-001')
      .expect(200, { prefetch: [null] });
    const teapot: RequestHandler = (_req, res) => {
      res.status(418).end();
    };
    await request(appWith({ onUnavailable: teapot }))
      .get('/?ids=cat-001')
      .expect(418);
    const failing: RequestHandler = () => Promise.reject(new Error('handler failed'));
    const { body } = await request(appWith({ onUnavailable: failing }))
      .get('/?ids=cat-001')
      .expect(500);
    expect(body.message).toBe('handler failed');
  });

  it('hands a record that cannot be read to the error handler', async () => {
    await client.del(cache.dataset.keys.record('cat-005'));
    await client.rPush(cache.dataset.keys.record('cat-005'), 'stranger');
    const { body } = await request(appWith()).get('/?ids=cat-001,cat-005').expect(500);
    expect(body.code).toBe('ERR_PREFETCH_WRONG_TYPE');
  });

  it('says when its accessor is asked without it', async () => {
    const app = express();
    const some = prefetchLookupMany(cache, { name: 'some' });
    app.get('/', (req, res) => res.json(some.from(req)));
    app.use(tellError);
    const { body } = await request(app).get('/?ids=cat-001').expect(500);
    expect(body.code).toBe('ERR_PREFETCH_LOOKUP_NOT_MOUNTED');
  });

  it('ETag and 304 as Express does', async () => {
    const app = appWith();
    const { headers } = await request(app).get('/?ids=cat-001,cat-002').expect(200);
    await request(app)
      .get('/?ids=cat-001,cat-002')
      .set('If-None-Match', present(headers['etag']))
      .expect(304);
  });
});
