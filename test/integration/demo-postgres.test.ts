import request from 'supertest';
import { sampleCategories } from '../../src/demo/category.js';
import type { DemoApp } from '../support/demo-app.js';
import { DemoPostgres } from '../support/demo-postgres.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { EventReader } from '../support/event-reader.js';
import { expectProblem } from '../support/problem.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let postgres: DemoPostgres;
let demo: DemoApp;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startTestRedis(), DemoPostgres.start()]);
});

afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

afterEach(async () => {
  await postgres.stopApp();
  expect(demo.logged).toEqual([]);
});

const get = (path: string) => request(demo.server).get(path);
const send = (method: 'post' | 'patch' | 'delete', path: string, body: object = {}) =>
  request(demo.server)[method](path).send(body);
const bringAbout = (fault: string) => send('post', `/admin/faults/${fault}`);
const rename = (name: string) => send('patch', '/primary/categories/cat-001', { name });
const isNamed = async (name: string, id = 'cat-001') => (await demo.cache.get(id)).record?.name === name;

describeOnPostgres.each(['json', 'hash'] as const)('in the %s layout', (layout) => {
  beforeEach(async () => {
    demo = await postgres.startApp(redis, { layout });
  });

  test('the records are those of the primary in memory', async () => {
    const records = sampleCategories(layout);
    const { body } = await get('/admin/primary').expect(200);
    expect(body).toEqual({ records, count: 5 });
    await get('/categories?ids=cat-001,cat-002,cat-003,cat-004,cat-005').expect(200, {
      ...{ records, missing: [] },
    });
    expect((await get('/admin/state')).body).toMatchObject({
      ...{ primaryCount: 5, cacheCount: 5, missingCount: 0, orphanedCount: 0 },
    });
  });

  test('adding, changing and deleting a record is SQL, and arrives in the cache', async () => {
    const given = { id: 'käse', name: "O'Käse", display_order: 7, featured: true, parent_id: 'cat-005' };
    const typed = layout === 'hash' ? { display_order: '7', featured: 'true' } : {};
    await send('post', '/primary/categories', given).expect(201, { ...given, ...typed });
    expect(await postgres.run(`select * from $table where id = 'käse'`)).toEqual([given]);
    expect(await until(async () => (await demo.cache.get('käse')).record)).toEqual({ ...given, ...typed });

    const { body } = await send('patch', '/primary/categories/käse', { name: 'Quark', featured: false });
    expect(body).toMatchObject({ id: 'käse', name: 'Quark', featured: layout === 'hash' ? 'false' : false });
    await until(() => isNamed('Quark', 'käse'));

    await send('delete', '/primary/categories/käse').expect(204);
    await until(async () => (await demo.cache.get('käse')).outcome === 'miss');
    expect(await postgres.run(`select * from $table where id = 'käse'`)).toEqual([]);
  });
});

describeOnPostgres('the SQL', () => {
  beforeEach(async () => {
    demo = await postgres.startApp(redis);
  });

  test('that ran is shown, the newest first, with its parameters', async () => {
    await send('patch', '/primary/categories/cat-001', { name: "O'Drinks", featured: false }).expect(200);
    const { statements } = (await get('/admin/statements').expect(200)).body as {
      statements: { sql: string; parameters: string[]; rows?: number }[];
    };
    expect(statements[0]).toEqual({
      sql: 'update public.prefetch_demo_category set name = $2, featured = $3 where id = $1 returning *',
      parameters: ["'cat-001'", "'O''Drinks'", 'false'],
      rows: 1,
      elapsedMs: expect.any(Number) as number,
      at: expect.stringMatching(/^\d{4}-/) as string,
    });
    expect(
      statements
        .map(({ sql }) => sql.slice(0, 20))
        .toReversed()
        .slice(0, 4),
    ).toEqual([
      ...['create table public.', 'comment on table pub', 'create publication "', 'insert into public.p'],
    ]);
  });

  test('is told as it runs, also what failed', async () => {
    const reader = await EventReader.open(`${demo.url}/admin/events`);
    expect(await reader.next('hello')).toMatchObject({ primary: 'postgres' });
    await send('delete', '/primary/categories/cat-004').expect(204);
    expect(await reader.next('statement')).toMatchObject({
      sql: 'delete from public.prefetch_demo_category where id = $1 returning id',
      parameters: ["'cat-004'"],
      rows: 1,
    });
    const tooLarge = { id: 'x', name: 'X', display_order: 3_000_000_000 };
    expectProblem(await send('post', '/primary/categories', tooLarge), 400, /out of range for type integer/);
    await reader.next('statement', ({ error }) => String(error).includes('out of range'));
  });

  test('that changes nothing: 409 and 404', async () => {
    expectProblem(await send('post', '/primary/categories', { id: 'cat-001', name: 'X' }), 409, /cat-001/);
    expectProblem(await send('patch', '/primary/categories/cat-999', { name: 'X' }), 404, /cat-999/);
    expectProblem(await send('delete', '/primary/categories/cat-999'), 404, /cat-999/);
  });

  test('of somebody else is followed too: another key, and no rows at all', async () => {
    await postgres.run(`update $table set id = 'cat-100' where id = 'cat-003'`);
    await until(() => isNamed('Pantry Staples', 'cat-100'));
    expect((await demo.cache.get('cat-003')).outcome).toBe('miss');
    await postgres.run('truncate $table');
    await until(async () => (await demo.cache.count()) === 0);
    expect((await get('/admin/state')).body).toMatchObject({ primaryCount: 0, cacheCount: 0, loaded: true });
  });
});

describeOnPostgres('what can go wrong', () => {
  test('a row that is no category becomes a dead letter, and the rest goes on', async () => {
    demo = await postgres.startApp(redis);
    const { body } = await bringAbout('poison').expect(200);
    expect(body).toMatchObject({
      text: expect.stringMatching(/new row poison-1 whose name is null/) as string,
    });
    await bringAbout('poison').expect(200);
    await rename('After the poison').expect(200);
    await until(() => isNamed('After the poison'));
    const { letters } = (await get('/admin/dead-letters')).body as { letters: { reason: string }[] };
    expect(letters.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('A category needs a name.'),
      expect.stringContaining('A category needs a name.'),
    ]);
    expect((await send('post', '/admin/reprefetch').expect(200)).body).toMatchObject({
      loaded: 5,
      refused: 2,
    });
    await send('patch', '/primary/categories/poison-1', { name: 'Cured' }).expect(200);
    await until(() => isNamed('Cured', 'poison-1'));
  });

  test('a worker that is killed: the other takes over and misses nothing', async () => {
    demo = await postgres.startApp(redis, { takeoverMs: 1000, replaceAfterMs: 3000 });
    await bringAbout('kill-worker').expect(200);
    await rename('While nobody follows').expect(200);
    await until(() => isNamed('While nobody follows'));
    expect(demo.crew.writer?.status().name).toBe('worker-2');
    expect(demo.cache.stats().prefetched).toBe(5);
  });

  test('a record that Redis lost: Reconcile finds and repairs it', async () => {
    demo = await postgres.startApp(redis);
    await bringAbout('drift').expect(200);
    const { body } = await send('post', '/admin/reconcile?repair=1').expect(200);
    expect(body).toMatchObject({ compared: 5, missing: 1, repaired: 1 });
    expect((await get('/admin/explain/cat-001')).body).toMatchObject({
      isPresent: true,
      changes: [{ cause: 'repair' }, { cause: 'prefetch' }],
    });
  });

  test('Postgres crashes: lookups go on, changes are refused, and nothing is lost when it is back', async () => {
    demo = await postgres.startApp(redis, { pauseMs: 1000 });
    const reader = await EventReader.open(`${demo.url}/admin/events`);
    const { body } = await bringAbout('crash-postgres').expect(200);
    expect(body).toMatchObject({ text: expect.stringMatching(/comes back after 1 s/) as string });
    expectProblem(await bringAbout('crash-postgres'), 409, /down already/);
    await get('/categories/cat-001').expect(200);
    for (const path of ['/admin/state', '/admin/primary']) {
      const response = await get(path);
      expectProblem(response, 503, /^Postgres cannot be asked now/);
      expect(response.body).toMatchObject({ part: 'primary' });
    }
    expectProblem(await rename('Nobody hears it'), 503);
    await reader.next('fault', ({ text }) => text === 'Postgres is back, with its data.');
    await rename('Back').expect(200);
    await until(() => isNamed('Back'));
    expect(demo.cache.stats().prefetched).toBe(5);
  });

  test('a Postgres of others is not crashed', async () => {
    demo = await postgres.startApp(redis, { isOurs: false });
    const { faults } = (await get('/admin/faults')).body as { faults: object[] };
    expect(faults).toContainEqual({
      name: 'crash-postgres',
      whyNot: expect.stringContaining('This Postgres was there before') as string,
    });
    expectProblem(await bringAbout('crash-postgres'), 409, /was there before/);
  });
});
