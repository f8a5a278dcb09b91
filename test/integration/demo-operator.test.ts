import request from 'supertest';
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

beforeEach(async () => {
  demo = await startDemoApp(redis, { takeoverMs: 400 });
});

afterEach(async () => {
  await demo.stop();
  expect(demo.logged).toEqual([]);
});

const get = (path: string) => request(demo.server).get(path);
const send = (method: 'post' | 'patch' | 'delete', path: string, body: object = {}) =>
  request(demo.server)[method](path).send(body);
const position = expect.any(String) as string;

describe('the dead letters', () => {
  interface Letter {
    id: string;
    reason: string;
    isSuperseded: boolean;
  }

  async function letters(): Promise<Letter[]> {
    const { body } = await get('/admin/dead-letters').expect(200);
    return (body as { letters: Letter[] }).letters;
  }

  async function poison(): Promise<string> {
    const before = (await letters()).length;
    await send('post', '/admin/faults/poison').expect(200);
    const found = await until(async () => {
      const now = await letters();
      return now.length > before && now.at(-1);
    });
    return found.id;
  }

  test('are listed with what came, why it could not be applied, and when', async () => {
    expect(await letters()).toEqual([]);
    const id = await poison();
    expect(await letters()).toEqual([
      {
        id,
        at: expect.stringMatching(/^\d{4}-/) as string,
        reason: expect.stringContaining("field 'name'") as string,
        position,
        recordId: 'poison-1',
        change: expect.objectContaining({
          ...{ op: 'upsert', id: 'poison-1' },
          record: expect.objectContaining({ name: ['not', 'a text'] }) as object,
        }) as object,
        shown: expect.stringContaining('poison-1') as string,
        isSuperseded: false,
      },
    ]);
    await poison();
    const { body } = await get('/admin/dead-letters?limit=1').expect(200);
    expect(body).toMatchObject({ letters: [{ id }] });
    expectProblem(await get('/admin/dead-letters?limit=0'), 400);
  });

  test('that still cannot be applied: 409 with the reason, and the letter stays', async () => {
    const id = await poison();
    expectProblem(
      await send('post', `/admin/dead-letters/${id}/replay`),
      409,
      /still cannot be applied.*name/,
    );
    expect(await letters()).toHaveLength(1);
  });

  test('that a newer change of the record has overtaken: 409, and nothing goes backwards', async () => {
    const id = await poison();
    await send('patch', '/primary/categories/poison-1', { name: 'Cured' }).expect(200);
    await until(async () => (await letters())[0]?.isSuperseded);
    expectProblem(await send('post', `/admin/dead-letters/${id}/replay`), 409, /newer/);
    expect((await get('/categories/poison-1').expect(200)).body).toMatchObject({ name: 'Cured' });
  });

  test('can be replayed when they fit, and are gone then', async () => {
    const { name } = demo.cache;
    await demo.crew.hold(1000);
    await demo.client.xAdd(`prefetch:{${name}}:dead-letters`, '5-0', {
      ...{ reason: 'The schema was older.', position: 'x', recordId: 'cat-late' },
      change: JSON.stringify({
        ...{ op: 'upsert', id: 'cat-late' },
        record: { id: 'cat-late', name: 'Late', display_order: 1, featured: false, parent_id: '' },
      }),
    });
    demo.crew.release();
    expect((await send('post', '/admin/dead-letters/5-0/replay').expect(200)).body).toEqual({
      replayed: '5-0',
    });
    expect((await get('/categories/cat-late').expect(200)).body).toMatchObject({ name: 'Late' });
    expect(await letters()).toEqual([]);
  });

  test('can be discarded, once', async () => {
    const id = await poison();
    await send('delete', `/admin/dead-letters/${id}`).expect(204);
    expectProblem(await send('delete', `/admin/dead-letters/${id}`), 404);
    expect(await letters()).toEqual([]);
    const { body } = await get('/admin/stats');
    expect(body).toMatchObject({ deadLetters: 0, changes: { dead: 1, discarded: 1, waiting: 0 } });
  });

  test.each(['1-1', '0-0', '0-5', '5-5', 'x', '-', '+', '1', '1-1-1', '9'.repeat(40), '%2A'])(
    'of no such id %s: 404',
    async (id) => {
      await poison();
      expectProblem(await send('post', `/admin/dead-letters/${id}/replay`), 404, /no dead letter/);
      expectProblem(await send('delete', `/admin/dead-letters/${id}`), 404, /no dead letter/);
      expect(await letters()).toHaveLength(1);
    },
  );

  test('wait while the workers rest: 409', async () => {
    const id = await poison();
    await send('post', '/admin/clear').expect(200);
    expectProblem(await send('post', `/admin/dead-letters/${id}/replay`), 409, /Prefetch it first/);
    expectProblem(await send('delete', `/admin/dead-letters/${id}`), 409, /Prefetch it first/);
  });

  test('503 when nobody is there who could', async () => {
    const id = await poison();
    await demo.stop();
    demo = await startDemoApp(redis, { deadlineMs: 200 });
    await demo.crew.stop(1000);
    expectProblem(await send('delete', `/admin/dead-letters/${id}`), 503, /worker/);
  });
});

describe('POST /admin/reconcile', () => {
  const drift = async () => {
    await send('post', '/admin/faults/drift').expect(200);
    await demo.client.copy(`${demo.cache.name}:cat-002`, `${demo.cache.name}:cat-orphan`);
    expectProblem(await get('/categories/cat-001'), 404);
  };
  const found = { compared: 5, missing: 1, different: 0, orphaned: 1 };

  test('finds what differs, and leaves it', async () => {
    await drift();
    const { body } = await send('post', '/admin/reconcile').expect(200);
    expect(body).toMatchObject({
      ...{ ...found, repaired: 0 },
      examples: { missing: ['cat-001'], different: [], orphaned: ['cat-orphan'] },
    });
    expectProblem(await get('/categories/cat-001'), 404);
  });

  test('with repair=1 puts it right', async () => {
    await drift();
    const { body } = await send('post', '/admin/reconcile?repair=1').expect(200);
    expect(body).toMatchObject({ ...found, repaired: 2 });
    await get('/categories/cat-001').expect(200);
    expectProblem(await get('/categories/cat-orphan'), 404);
    const again = await send('post', '/admin/reconcile?repair=1').expect(200);
    expect(again.body).toMatchObject({ missing: 0, different: 0, orphaned: 0, repaired: 0 });
  });

  test.each(['yes', '2', '', '1&repair=1'])('repair=%s: 400', async (repair) => {
    expectProblem(await send('post', `/admin/reconcile?repair=${repair}`), 400, /0 or 1/);
  });

  test('409 when the dataset is not loaded', async () => {
    await send('post', '/admin/clear').expect(200);
    expectProblem(await send('post', '/admin/reconcile?repair=1'), 409, /not loaded/);
  });
});

describe('GET /admin/explain/:id', () => {
  test('tells that it is there, for how long, and who wrote it why', async () => {
    await send('patch', '/primary/categories/cat-001', { name: 'Drinks' });
    await until(async () => (await demo.cache.get('cat-001')).record?.name === 'Drinks');
    const { body } = await get('/admin/explain/cat-001').expect(200);
    expect(body).toEqual({
      ...{ id: 'cat-001', isPresent: true, deadLetters: [] },
      ttlSeconds: expect.any(Number) as number,
      loadedAt: expect.any(String) as string,
      changes: [
        { at: expect.any(String) as string, operation: 'upsert', cause: 'change', by: 'worker-1', position },
        {
          at: expect.any(String) as string,
          ...{ operation: 'upsert', cause: 'prefetch', by: 'worker-1', position: null },
        },
      ],
    });
  });

  test('tells who removed it', async () => {
    await send('post', '/admin/invalidate/cat-001').expect(200);
    await send('delete', '/primary/categories/cat-002').expect(204);
    await until(async () => (await demo.cache.get('cat-002')).outcome === 'miss');
    const [invalidated, deleted, unknown] = await Promise.all(
      ['cat-001', 'cat-002', 'cat-999'].map(async (id) => (await get(`/admin/explain/${id}`)).body as object),
    );
    const gone = { isPresent: false, ttlSeconds: null };
    expect(invalidated).toMatchObject({
      ...gone,
      changes: [{ operation: 'delete', cause: 'invalidate' }, {}],
    });
    expect(deleted).toMatchObject({ ...gone, changes: [{ operation: 'delete', cause: 'change' }, {}] });
    expect(unknown).toMatchObject({ ...gone, changes: [] });
  });

  test('tells of changes that could not be applied', async () => {
    await send('post', '/admin/faults/poison').expect(200);
    const { body } = await until(async () => {
      const response = await get('/admin/explain/poison-1').expect(200);
      return (response.body as { deadLetters: unknown[] }).deadLetters.length > 0 && response;
    });
    expect(body).toMatchObject({ isPresent: false, changes: [], deadLetters: [{ recordId: 'poison-1' }] });
  });
});
