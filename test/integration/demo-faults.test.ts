import request from 'supertest';
import { faultNames } from '../../src/demo/faults/faults.js';
import { type DemoApp, startDemoApp } from '../support/demo-app.js';
import { EventReader } from '../support/event-reader.js';
import { expectProblem } from '../support/problem.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let demo: DemoApp;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(async () => {
  await redis.stop();
});

afterEach(async () => {
  await demo.stop();
  expect(demo.logged).toEqual([]);
});

const get = (path: string) => request(demo.server).get(path);
const send = (method: 'post' | 'patch', path: string, body: object = {}) =>
  request(demo.server)[method](path).send(body);
const bringAbout = (fault: string) => send('post', `/admin/faults/${fault}`);
const states = () => demo.crew.workers.map((worker) => worker.status().state);
const rename = (name: string) => send('patch', '/primary/categories/cat-001', { name }).expect(200);
const isNamed = async (name: string) => (await demo.cache.get('cat-001')).record?.name === name;

describe('the list of faults', () => {
  test('has all of them, and says why Redis cannot be stalled when it is not our own', async () => {
    demo = await startDemoApp(redis);
    const { body } = await get('/admin/faults').expect(200);
    expect(body).toEqual({
      faults: [
        ...[{ name: 'kill-worker' }, { name: 'stop-worker' }],
        { name: 'stall-redis', whyNot: expect.stringContaining('This Redis was there before') as string },
        ...[{ name: 'flush-redis' }, { name: 'poison' }, { name: 'drift' }],
      ],
    });
  });

  test('has no reasons on a Redis of our own', async () => {
    demo = await startDemoApp(redis, { ownsRedis: true });
    const { body } = await get('/admin/faults').expect(200);
    const names = faultNames.filter((name) => name !== 'crash-postgres');
    expect(body).toEqual({ faults: names.map((name) => ({ name })) });
  });

  test('is empty when they are switched off, and each is refused', async () => {
    demo = await startDemoApp(redis, { faults: false, ownsRedis: true });
    await get('/admin/faults').expect(200, { faults: [] });
    for (const fault of faultNames) expectProblem(await bringAbout(fault), 403, /--no-faults/);
    expect(states()).toEqual(['following', 'standby']);
    expect(demo.primary.size).toBe(5);
    expect((await get('/admin/state')).body).toMatchObject({ cacheCount: 5 });
  });

  test('crash-postgres: 409 when there is no Postgres', async () => {
    demo = await startDemoApp(redis);
    expectProblem(await bringAbout('crash-postgres'), 409, /The primary is in memory/);
  });

  test('an unknown one: 404', async () => {
    demo = await startDemoApp(redis);
    for (const fault of ['fire', 'constructor', 'kill-worker%20']) {
      expectProblem(await bringAbout(fault), 404, /There is no fault/);
    }
  });
});

describe('kill-worker', () => {
  test('the other takes over within the time and misses nothing, and a new one stands by', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 1000, replaceAfterMs: 3000 });
    const reader = await EventReader.open(`${demo.url}/admin/events`);
    const { body } = await bringAbout('kill-worker').expect(200);
    expect(body).toEqual({
      fault: 'kill-worker',
      text: expect.stringMatching(/^worker-1 has lost.*Another takes over within 1 s\.$/) as string,
    });
    const killedAt = performance.now();
    await rename('While nobody follows');
    await until(() => isNamed('While nobody follows'));
    expect(performance.now() - killedAt).toBeLessThan(3000);
    await until(() => states().join() === 'standby,following');
    expect(demo.crew.writer?.status().name).toBe('worker-2');
    expect(await reader.next('fault')).toEqual(body);
    await reader.next('worker', ({ worker, state }) => worker === 'worker-1' && state === 'failed');
    await reader.next('worker', ({ worker, state }) => worker === 'worker-2' && state === 'following');
    await reader.next('worker', ({ worker, state }) => worker === 'worker-1' && state === 'standby');
    expect(demo.cache.stats().prefetched).toBe(5);
  });

  test('twice at once: the second finds nobody who writes', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 1000 });
    await bringAbout('kill-worker').expect(200);
    expectProblem(await bringAbout('kill-worker'), 409, /No worker of this app writes now/);
    expectProblem(await bringAbout('stop-worker'), 409, /No worker of this app writes now/);
  });

  test('again and again: each time the other goes on', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 400, replaceAfterMs: 1 });
    for (let time = 1; time <= 5; time++) {
      await until(() => demo.crew.writer && states().includes('standby'));
      await bringAbout('kill-worker').expect(200);
      await rename(`Name ${time}`);
      await until(() => isNamed(`Name ${time}`));
    }
  });

  test('the only one: its successor does its work', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 400, workers: 1 });
    const { body } = await bringAbout('kill-worker').expect(200);
    expect((body as { text: string }).text).toMatch(/No other stands by/);
    await rename('By the successor');
    await until(() => isNamed('By the successor'));
  });

  test('after Clear: the new one rests like the others, until the dataset is prefetched', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 400, replaceAfterMs: 1 });
    await send('post', '/admin/clear').expect(200, { removed: 5 });
    await bringAbout('kill-worker').expect(200);
    await until(() => states().join() === 'paused,paused');
    await until(async () => !(await demo.client.exists(`prefetch:{${demo.cache.name}}:lease`)));
    expectProblem(await get('/categories/cat-001'), 503);
    await send('post', '/admin/reprefetch').expect(200);
    await get('/categories/cat-001').expect(200);
  });

  test('the only one, after Clear: Prefetch waits for the new one', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 400, replaceAfterMs: 1, workers: 1 });
    await send('post', '/admin/clear').expect(200, { removed: 5 });
    await bringAbout('kill-worker').expect(200);
    await until(() => states().join() === 'paused');
    expect((await send('post', '/admin/reprefetch').expect(200)).body).toMatchObject({ loaded: 5 });
    await get('/categories/cat-001').expect(200);
  });
});

test('stop-worker: it hands over at once', async () => {
  // A standby looks twenty times in this time, so each second; the lease alone would last 16 s.
  demo = await startDemoApp(redis, { takeoverMs: 20_000, replaceAfterMs: 20_000 });
  const { body } = await bringAbout('stop-worker').expect(200);
  expect(body).toEqual({ fault: 'stop-worker', text: 'worker-1 was stopped and has handed over.' });
  await until(() => demo.crew.writer?.status().name === 'worker-2');
});

describe('stall-redis', () => {
  test('409 for a Redis that is not our own', async () => {
    demo = await startDemoApp(redis);
    expectProblem(await bringAbout('stall-redis'), 409, /This Redis was there before/);
    await get('/categories/cat-001').expect(200);
  });

  test('503 while it lasts, once at a time, and then all is well again', async () => {
    demo = await startDemoApp(redis, { ownsRedis: true, deadlineMs: 200, takeoverMs: 400, pauseMs: 1500 });
    const reader = await EventReader.open(`${demo.url}/admin/events`);
    await bringAbout('stall-redis').expect(200);
    expectProblem(await bringAbout('stall-redis'), 409, /stalled already/);
    expectProblem(await get('/categories/cat-001'), 503);
    expectProblem(await get('/readyz'), 503);
    await get('/admin/stats').expect(200);
    await rename('While it is stalled');
    await reader.next('fault', ({ text }) => text === 'Redis goes on.');
    await until(async () => (await get('/readyz')).status === 200);
    await until(() => isNamed('While it is stalled'));
    await until(() => [...states()].sort().join() === 'following,standby');
  });

  test('the end of the app does not leave it stalled', async () => {
    demo = await startDemoApp(redis, { ownsRedis: true, pauseMs: 60_000 });
    await bringAbout('stall-redis').expect(200);
    await demo.stop();
    demo = await startDemoApp(redis);
  });
});

describe('flush-redis', () => {
  test('on a Redis of others: only what is of this dataset goes, and it is loaded again', async () => {
    demo = await startDemoApp(redis);
    const { name } = demo.cache;
    const others = [
      `${name}:archive:1`,
      `prefetch:{${name}:archive}:loaded`,
      `${uniquePrefix()}:x`,
      `${name}s`,
    ];
    for (const key of others) await demo.client.set(key, 'not ours');
    const loads = demo.cache.stats().prefetched;
    const { body } = await bringAbout('flush-redis').expect(200);
    expect((body as { text: string }).text).toMatch(/^All \d+ keys of .* what else is in this Redis is left/);
    await until(() => demo.cache.stats().prefetched > loads);
    await until(async () => (await get('/readyz')).status === 200);
    await get('/categories/cat-001').expect(200);
    expect(await demo.client.exists(others)).toBe(4);
  });

  test('on a Redis of our own: everything goes, and it is loaded again', async () => {
    demo = await startDemoApp(redis, { ownsRedis: true });
    await demo.client.set('somebody:1', 'x');
    const loads = demo.cache.stats().prefetched;
    await bringAbout('flush-redis').expect(200);
    expect(await demo.client.exists('somebody:1')).toBe(0);
    await until(() => demo.cache.stats().prefetched > loads);
    await until(async () => (await get('/readyz')).status === 200);
    await get('/categories/cat-001').expect(200);
  });

  test.each(['json', 'hash'] as const)('never a 404 for what the primary has, in %s', async (layout) => {
    demo = await startDemoApp(redis, { ownsRedis: true, layout });
    for (let time = 0; time < 5; time++) {
      await bringAbout('flush-redis').expect(200);
      const statuses = new Set<number>();
      await until(async () => {
        const { status } = await get('/categories/cat-001');
        statuses.add(status);
        return status === 200;
      });
      for (const status of statuses) expect([200, 503]).toContain(status);
    }
  });

  test('after Clear: it stays empty until it is prefetched', async () => {
    demo = await startDemoApp(redis, { ownsRedis: true, takeoverMs: 400 });
    await send('post', '/admin/clear').expect(200);
    await bringAbout('flush-redis').expect(200);
    expectProblem(await get('/categories/cat-001'), 503);
    expect((await send('post', '/admin/reprefetch').expect(200)).body).toMatchObject({ loaded: 5 });
    await get('/categories/cat-001').expect(200);
  });
});

describe.each(['json', 'hash'] as const)('poison in %s', (layout) => {
  test('becomes a dead letter each time, and the rest goes on', async () => {
    demo = await startDemoApp(redis, { layout });
    await bringAbout('poison').expect(200);
    await bringAbout('poison').expect(200);
    await rename('After the poison');
    await until(() => isNamed('After the poison'));
    const { body } = await get('/admin/stats').expect(200);
    expect(body).toMatchObject({
      workerState: 'following',
      deadLetters: 2,
      changes: { received: 3, applied: 1, dead: 2, waiting: 2 },
    });
    expectProblem(await get('/categories/poison-1'), 404);
    expect((await send('post', '/admin/reprefetch')).body).toMatchObject({
      loaded: 5,
      refused: 2,
      removed: 0,
    });
  });
});

describe('maxStalenessMs', () => {
  test('lookups answer 503 when no worker has been heard of for longer', async () => {
    demo = await startDemoApp(redis, { takeoverMs: 400, maxStalenessMs: 1000 });
    await until(async () => (await get('/categories/cat-001')).status === 200);
    await demo.crew.stop(1000);
    const response = await until(async () => {
      const found = await get('/categories/cat-001');
      return found.status !== 200 && found;
    });
    expectProblem(response, 503);
    expectProblem(await get('/categories?ids=cat-001'), 503);
  });
});
