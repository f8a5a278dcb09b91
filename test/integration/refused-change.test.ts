import { type Change, PrefetchError, type SyncWorker } from '../../src/index.js';
import { type Item, item, versionsIn } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
let source: ScriptedSource<Item>;
let worker: SyncWorker<Item>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  source = new ScriptedSource<Item>();
  const starting = world.started(source);
  (await source.snapshot()).answer('10').rows(item('a'), item('b')).end();
  worker = await starting;
});

afterEach(() => world.close());

const circular: Record<string, unknown> = { id: 'c', name: 'circular' };
circular['version'] = circular;

describe('a change that cannot be applied', () => {
  it.each<[string, Change<Item>, RegExp]>([
    ['is nothing that the source understood', { op: 'invalid', raw: { x: 1 }, reason: 'no id' }, /no id/],
    ['is raw data that is no JSON', { op: 'invalid', raw: [1n, Symbol('s')], reason: 'odd' }, /odd/],
    [
      'does not fit the schema',
      { op: 'upsert', id: 'c', record: { ...item('c'), name: {} as never } },
      /name/,
    ],
    ['holds itself', { op: 'upsert', id: 'c', record: circular as never }, /version/],
    ['holds a bigint', { op: 'upsert', id: 'c', record: { ...item('c'), version: 5n as never } }, /version/],
    ['has no fields', { op: 'upsert', id: 'c', record: {} as never }, /no fields/],
    ['has another id than its record', { op: 'upsert', id: 'c', record: item('d') }, /id/],
    ['has an id that is not allowed', { op: 'delete', id: 'c:d' }, /id/],
    [
      'brings some fields of what is not there',
      { op: 'upsert', id: 'c', record: { version: '2' }, partial: true },
      /merge/,
    ],
    ['is of a kind that nobody knows', { op: 'rename', id: 'a' } as never, /rename/],
  ])('because it %s stops the worker loudly', async (_, change, why) => {
    source.send(15, { op: 'upsert', id: 'a', record: item('a', 15) });
    await until(async () => (await world.checkpoint()) === '15');
    source.send(20, { op: 'upsert', id: 'a', record: item('a', 20) }, change);
    await until(() => worker.status().state === 'failed');

    const { error, position } = worker.status();
    expect(error).toBeInstanceOf(PrefetchError);
    expect(error).toMatchObject({ code: 'ERR_PREFETCH_REFUSED', message: expect.stringMatching(why) });
    expect(error?.message).toContain('15');
    expect(position).toBe('15');
    expect(world.told('worker-error').map((event) => event.error)).toEqual([error]);
    expect(world.states()).toEqual(['starting', 'following', 'failed']);
    expect(await world.checkpoint()).toBe('15');
    expect(await versionsIn(world.cache)).toEqual({ a: '15', b: '1' });
    expect(source.acknowledged).not.toContain('20');
    await until(() => source.sessionsClosed === 1);
    await world.withoutConnections();
  });

  it('lets nothing after it be applied, and a new worker sees it again', async () => {
    source.send(20, { op: 'invalid', raw: 'x', reason: 'not decodable' });
    source.send(21, { op: 'upsert', id: 'a', record: item('a', 21) });
    source.send(22, { op: 'delete', id: 'b' });
    await until(() => worker.status().state === 'failed');
    await worker.stop();
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1' });

    const second = await world.started(source);
    expect(source.resumedAt).toEqual([null, '10']);
    expect(source.snapshots).toHaveLength(1);
    source.send(20, { op: 'invalid', raw: 'x', reason: 'not decodable' });
    await until(() => second.status().state === 'failed');
    expect(await world.checkpoint()).toBe('10');
    await second.stop();

    await world.started(source);
    source.send(20, { op: 'upsert', id: 'a', record: item('a', 20) });
    source.send(22, { op: 'delete', id: 'b' });
    await until(async () => (await world.checkpoint()) === '22');
    expect(await versionsIn(world.cache)).toEqual({ a: '20' });
  });

  it('does not print a large record as a whole', async () => {
    const record = { ...item('c'), name: 'x'.repeat(1_000_000), version: {} as never };
    source.send(20, { op: 'upsert', id: 'c', record });
    await until(() => worker.status().state === 'failed');
    expect(worker.status().error?.message.length).toBeLessThan(2_000);
  });

  it('fails a reload that runs as well', async () => {
    const reloading = expect(worker.reload()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
    const snapshot = (await source.snapshot(2)).answer('30').rows(item('a', 30));
    await until(() => snapshot.isHungry);
    source.send(31, { op: 'invalid', raw: 'x', reason: 'not decodable' });
    await reloading;
    await until(() => worker.status().state === 'failed');
    expect(await world.isMarked()).toBe(true);
    expect(await world.checkpoint()).toBe('10');
  });

  it('is skipped when a snapshot has overtaken it', async () => {
    const reloading = worker.reload();
    (await source.snapshot(2)).answer('30').rows(item('a', 30)).end();
    await reloading;
    source.send(20, { op: 'invalid', raw: 'x', reason: 'not decodable' });
    source.send(31, { op: 'upsert', id: 'a', record: item('a', 31) });
    await until(async () => (await world.checkpoint()) === '31');
    expect(worker.status().state).toBe('following');
  });
});
