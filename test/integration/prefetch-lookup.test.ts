import type { ErrorRequestHandler, Express, Request } from 'express';
import request from 'supertest';
import { PrefetchCache, prefetchLookup } from '../../src/index.js';
import { type Category, beverages, categories, category, categorySchema } from '../support/category.js';
import { expresses, tellError } from '../support/expresses.js';
import { type Item, item, itemSchema } from '../support/item.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Diary, withDiary } from '../support/watched-client.js';

let redis: TestRedis;
let client: TestClient;
let diary: Diary;
let cache: PrefetchCache<Category>;
let countries: PrefetchCache<Item>;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
  diary = withDiary(client);
  const schema = categorySchema(uniquePrefix(), 'JSON');
  cache = new PrefetchCache({ client: diary.client, schema });
  countries = new PrefetchCache({ client, schema: itemSchema(uniquePrefix('cache:country'), 'HASH') });
  await cache.bulkLoad([
    ...categories,
    category('café'),
    category('a/b'),
    category('100%'),
    category('__proto__'),
  ]);
  await countries.bulkLoad([item('at'), item('ch')]);
});
afterAll(() => redis.stop());

describe.each(expresses)('prefetchLookup() in %s', (version, express) => {
  let app: Express;

  beforeEach(() => {
    app = express();
    diary.lines.length = 0;
  });

  it('hands the record to the route, by its accessor', async () => {
    const lookup = prefetchLookup(cache);
    app.get('/categories/:id', lookup, (req, res) => {
      const { name }: Category = lookup.from(req);
      res.json({ name, record: lookup.from(req) });
    });
    await request(app).get('/categories/cat-001').expect(200, { name: 'Beverages', record: beverages });
  });

  it('hands it over as req.prefetch.<name> too, the last part of the schema name', async () => {
    app.get('/countries/:id', prefetchLookup(countries), (req, res) => res.json(req.prefetch));
    const response = await request(app).get('/countries/at').expect(200);
    expect(Object.values(response.body)).toEqual([item('at')]);
    const [name] = Object.keys(response.body);
    expect(countries.name.endsWith(`:${name}`)).toBe(true);
  });

  it('takes another name by option', async () => {
    app.get('/:id', prefetchLookup(cache, { name: 'category' }), (req, res) => res.json(req.prefetch));
    await request(app).get('/cat-001').expect(200, { category: beverages });
  });

  it('works twice in one route, and with what other middleware left there', async () => {
    const ofCategory = prefetchLookup(cache, { id: 'category', name: 'category' });
    const ofCountry = prefetchLookup(countries, { id: 'country', name: 'country' });
    app.get('/:category/in/:country', ofCategory, ofCountry, (req, res) => {
      const both: { name: string; version: string } = {
        name: ofCategory.from(req).name,
        version: ofCountry.from(req).version,
      };
      res.json({ both, ids: Object.values(req.prefetch).map(({ id }) => id as string) });
    });
    await request(app)
      .get('/cat-002/in/ch')
      .expect(200, { both: { name: 'Dairy', version: '1' }, ids: ['cat-002', 'ch'] });
  });

  it('keeps apart what requests at the same time have found', async () => {
    const lookup = prefetchLookup(cache);
    app.get('/:id', lookup, (req, res) => res.json(lookup.from(req)));
    const server = app.listen(0);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => request(server).get(`/${present(categories[i % 5]).id}`)),
    );
    server.close();
    expect(answers.map(({ body }) => body as Category)).toEqual(
      Array.from({ length: 100 }, (_, i) => categories[i % 5]),
    );
  });

  describe('takes the id from', () => {
    it('a parameter of another name', async () => {
      const lookup = prefetchLookup(cache, { id: 'slug' });
      app.get('/:slug', lookup, (req, res) => res.json(lookup.from(req)));
      await request(app).get('/cat-003').expect(200, categories[2]);
    });

    it('a function of the request', async () => {
      const lookup = prefetchLookup(cache, { id: (req: Request) => req.get('x-category') });
      app.get('/', lookup, (req, res) => res.json(lookup.from(req)));
      await request(app).get('/').set('x-category', 'cat-001').expect(200, beverages);
      await request(app).get('/').expect(404);
    });

    it('the parameter of a router', async () => {
      const lookup = prefetchLookup(cache, { id: 'category' });
      const router = express.Router({ mergeParams: true });
      router.get('/name', lookup, (req, res) => res.json(lookup.from(req).name));
      app.use('/categories/:category', router);
      await request(app).get('/categories/cat-001/name').expect(200, '"Beverages"');
    });

    it.each([
      ['caf%C3%A9', 'café'],
      ['a%2Fb', 'a/b'],
      ['100%25', '100%'],
      ['__proto__', '__proto__'],
    ])('an encoded path: %s', async (path, id) => {
      const lookup = prefetchLookup(cache);
      app.get('/:id', lookup, (req, res) => res.json(lookup.from(req).id));
      await request(app).get(`/${path}`).expect(200, JSON.stringify(id));
    });
  });

  it.each(['archive:cat-001', 'cat%20001', '%7Bx%7D', 'x'.repeat(257), '%00', 'cat-001%0A'])(
    'answers 404 to the impossible id %# without asking Redis',
    async (path) => {
      app.get('/:id', prefetchLookup(cache), (_req, res) => res.json('found'));
      await request(app).get(`/${path}`).expect(404);
      expect(diary.lines).toEqual([]);
    },
  );

  it('answers 404 to a list, which is no id', async () => {
    app.get('/:id', prefetchLookup(cache, { id: () => ['cat-001'] }), (_req, res) => res.json('found'));
    await request(app).get('/cat-001').expect(404);
    if (version === 'Express 5') {
      app.get('/all/*id', prefetchLookup(cache), (_req, res) => res.json('found'));
      await request(app).get('/all/cat-001/cat-002').expect(404);
    }
  });

  it('leaves a malformed path to Express', async () => {
    app.get('/:id', prefetchLookup(cache), (_req, res) => res.json('found'));
    await request(app).get('/%E0%A4%A').expect(400);
  });

  it('says which parameter is missing, when a route has another', async () => {
    app.get('/categories/:slug', prefetchLookup(cache), (_req, res) => res.json('found'));
    app.use(tellError);
    const { body } = await request(app).get('/categories/cat-001?x=1').expect(500);
    expect(body).toEqual({
      name: 'PrefetchError',
      code: 'ERR_PREFETCH_NO_ID_PARAMETER',
      message: expect.stringMatching(/GET \/categories\/cat-001 has no parameter ":id".*\{ id: '…' \}/),
    });
  });

  it('says it when it is used without a route', async () => {
    app.use(prefetchLookup(cache));
    app.use(tellError);
    const { body } = await request(app).get('/cat-001').expect(500);
    expect(body.code).toBe('ERR_PREFETCH_NO_ID_PARAMETER');
  });

  it('says it when it was not made but mounted itself', async () => {
    app.use(prefetchLookup as never);
    app.use(tellError);
    const { body } = await request(app).get('/').expect(500);
    expect(body).toMatchObject({
      code: 'ERR_PREFETCH_OPTION',
      message: expect.stringContaining("write app.get('/…', prefetchLookup(cache), …)"),
    });
  });

  it('says it when its accessor is asked without it', async () => {
    const mounted = prefetchLookup(cache);
    const other = prefetchLookup(cache, { name: 'other' });
    app.get('/:id', mounted, (req, res) => res.json(other.from(req)));
    app.use(tellError);
    const { body } = await request(app).get('/cat-001').expect(500);
    expect(body).toMatchObject({
      code: 'ERR_PREFETCH_LOOKUP_NOT_MOUNTED',
      message: expect.stringContaining('The lookup "other" has not run for this request'),
    });
  });

  it('hands a record that cannot be read to the error handler, and serves others', async () => {
    await client.del(cache.dataset.keys.record('cat-005'));
    await client.rPush(cache.dataset.keys.record('cat-005'), 'stranger');
    app.get('/:id', prefetchLookup(cache), (_req, res) => res.json('found'));
    app.use(tellError);
    const { body } = await request(app).get('/cat-005').expect(500);
    expect(body.code).toBe('ERR_PREFETCH_WRONG_TYPE');
    await request(app).get('/cat-004').expect(200);
    await cache.bulkLoad(categories);
  });

  it('hands on what the function for the id throws', async () => {
    const id = () => {
      throw new Error('no session');
    };
    app.get('/', prefetchLookup(cache, { id }), (_req, res) => res.json('found'));
    app.use(tellError);
    const { body } = await request(app).get('/').expect(500);
    expect(body.message).toBe('no session');
  });

  it('leaves errors of the route to Express, each told once', async () => {
    const told: unknown[] = [];
    app.get('/:id', prefetchLookup(cache), () => {
      throw new Error('bug in the route');
    });
    app.use(((error, req, res, next) => {
      told.push(error);
      tellError(error, req, res, next);
    }) as ErrorRequestHandler);
    const { body } = await request(app).get('/cat-001').expect(500);
    expect(body.message).toBe('bug in the route');
    expect(told).toHaveLength(1);
  });
});
