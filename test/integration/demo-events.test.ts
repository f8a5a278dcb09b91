import { generatedCategories } from '../../src/demo/category.js';
import { type DemoApp, startDemoApp } from '../support/demo-app.js';
import { publish } from '../../src/events.js';
import { EventReader } from '../support/event-reader.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let demo: DemoApp;
let reader: EventReader;

const open = () => EventReader.open(`${demo.url}/admin/events`);

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(async () => {
  await redis.stop();
});

beforeEach(async () => {
  demo = await startDemoApp(redis);
  reader = await open();
});

afterEach(async () => {
  await demo.stop();
});

test('begins with hello, stats, freshness and the workers', async () => {
  await reader.next('worker', ({ worker }) => worker === 'worker-2');
  expect(reader.status).toBe(200);
  expect(reader.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  const stats = (await (await fetch(`${demo.url}/admin/stats`)).json()) as Record<string, unknown>;
  delete stats['stalenessMs'];
  expect(reader.events.slice(0, 5)).toEqual([
    { type: 'hello', data: { dataset: demo.cache.name, layout: 'JSON', ttlSeconds: 600, primary: 'memory' } },
    { type: 'stats', data: stats },
    {
      type: 'freshness',
      data: expect.objectContaining({ limitMs: 12_000, refusesStale: false }) as object,
    },
    { type: 'worker', data: { worker: 'worker-1', state: 'following' } },
    { type: 'worker', data: { worker: 'worker-2', state: 'standby' } },
  ]);
});

test('tells changes as they are applied, and the counters after them', async () => {
  demo.primary.update('cat-001', { name: 'Drinks' });
  demo.primary.delete('cat-002');
  await reader.next('stats', ({ syncEventsApplied }) => syncEventsApplied === 2);
  const changes = reader.of('applied').flatMap((data) => data['changes']);
  expect(changes).toEqual([
    { op: 'upsert', id: 'cat-001' },
    { op: 'delete', id: 'cat-002' },
  ]);
  expect(reader.of('applied')[0]).toEqual({
    changes: expect.any(Array) as unknown,
    total: expect.any(Number) as number,
    lagMs: expect.any(Number) as number,
    at: expect.any(Number) as number,
  });
});

test('shows at most 50 changes of a batch, and how many there were', async () => {
  await demo.crew.hold(1000);
  for (let order = 0; order < 120; order++) demo.primary.update('cat-001', { display_order: order });
  demo.crew.release();
  const applied = await reader.next('applied', ({ total }) => Number(total) > 50);
  expect(applied['changes']).toHaveLength(50);
});

test('tells lookups with their outcome, not all of a flood', async () => {
  await demo.cache.get('cat-001');
  expect(await reader.next('lookup')).toEqual({
    id: 'cat-001',
    outcome: 'hit',
    redisLatencyMs: expect.any(Number) as number,
  });
  for (let i = 0; i < 500; i++) await demo.cache.get('cat-999');
  await reader.next('stats', ({ misses }) => misses === 500);
  expect(reader.of('lookup').length).toBeLessThan(100);
});

test('tells invalidate, clear, reload and the states of the workers', async () => {
  await demo.cache.invalidate('cat-001');
  expect(await reader.next('invalidated')).toEqual({ id: 'cat-001' });
  await demo.crew.hold(1000);
  const paused = ({ worker, state }: Record<string, unknown>) => worker === 'worker-1' && state === 'paused';
  expect(await reader.next('worker', paused)).toEqual({ worker: 'worker-1', state: 'paused' });
  await demo.cache.clear();
  expect(await reader.next('cleared')).toEqual({ removed: 4 });
  demo.crew.release();
  await demo.crew.reload();
  expect(await reader.next('load-begun')).toEqual({ cause: 'reload', why: 'It was asked for.' });
  expect(await reader.next('load-progress')).toEqual({ loaded: 5, refused: 0, total: 5 });
  expect(await reader.next('loaded')).toEqual({
    ...{ loaded: 5, refused: 0, removed: 0 },
    elapsedMs: expect.any(Number) as number,
  });
  await demo.crew.stop(1000);
  await reader.next('worker', ({ worker, state }) => worker === 'worker-2' && state === 'stopped');
});

test('tells dead letters, reconciliations and faults', async () => {
  await demo.cache.invalidate('cat-002');
  await demo.crew.reconcile({ repair: true });
  expect(await reader.next('reconciled')).toEqual({
    ...{ compared: 5, missing: 1, different: 0, orphaned: 0, repaired: 1 },
    elapsedMs: expect.any(Number) as number,
  });
  await demo.faults?.bringAbout('poison');
  expect(await reader.next('fault')).toEqual({
    fault: 'poison',
    text: expect.stringContaining('poison-1') as string,
  });
  expect(await reader.next('dead-letter')).toEqual({
    id: 'poison-1',
    reason: expect.stringContaining("field 'name'") as string,
  });
  await reader.next('stats', ({ deadLetters }) => deadLetters === 1);
});

test('tells again and again how long ago the worker was heard of', async () => {
  await reader.next('freshness', ({ stalenessMs }) => stalenessMs !== null && Number(stalenessMs) < 1000);
  await demo.crew.stop(1000);
  await reader.next('freshness', ({ stalenessMs }) => Number(stalenessMs) > 1000);
});

test('tells nothing of other datasets', async () => {
  const other = await startDemoApp(redis, { records: generatedCategories('json', 3) });
  await other.cache.get('cat-000001');
  await other.stop();
  await demo.cache.get('cat-001');
  await reader.next('lookup');
  expect(reader.of('lookup')).toHaveLength(1);
  expect(reader.of('loaded')).toHaveLength(0);
});

test('sends counters only when they have changed, and a reset is a change', async () => {
  await reader.next('stats', ({ hits }) => hits === 0);
  await demo.cache.get('cat-001');
  await reader.next('stats', ({ hits }) => hits === 1);
  demo.events.statsChanged();
  const headers = { 'content-type': 'application/json' };
  await fetch(`${demo.url}/admin/stats/reset`, { method: 'POST', headers });
  await until(() => reader.of('stats').at(-1)?.['hits'] === 0);
  expect(reader.of('stats').map(({ hits }) => hits)).toEqual([0, 1, 0]);
});

test('has room for 32 readers', async () => {
  const others = await Promise.all(Array.from({ length: 31 }, open));
  const refused = await open();
  expect(refused.status).toBe(503);
  expect(refused.headers).toMatchObject({
    'content-type': expect.stringContaining('problem+json') as string,
  });
  expect(refused.headers).toHaveProperty('retry-after');
  others[0]?.close();
  const accepted = await until(async () => {
    const next = await open();
    return next.status === 200 && next;
  });
  await accepted.next('hello');
});

test('drops a reader that does not read, and keeps the others', async () => {
  const lazy = await open();
  await lazy.next('worker');
  lazy.pause();
  const changes = Array.from({ length: 50 }, () => ({ op: 'upsert', id: 'x'.repeat(1000) }));
  await until(() => {
    publish({ type: 'applied', dataset: demo.cache.name, changes, lagMs: null, position: null });
    return socketsOf(demo).then((count) => count === 1);
  });
  await demo.cache.invalidate('cat-005');
  await reader.next('invalidated', ({ id }) => id === 'cat-005');
});

test('says now and then that it is still there', async () => {
  const quiet = await startDemoApp(redis, { pingEveryMs: 10 });
  const waiting = await EventReader.open(`${quiet.url}/admin/events`);
  await until(() => waiting.pings > 2);
  await quiet.stop();
});

test('ends when the app stops', async () => {
  await reader.next('hello');
  demo.events.close();
  await until(() => reader.isEnded);
});

test('answers HEAD without a stream', async () => {
  const response = await fetch(`${demo.url}/admin/events`, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
});

function socketsOf({ server }: DemoApp): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}
