import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

afterEach(() => world.close());

describe.each(layouts)('a worker, %s layout', (layout) => {
  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
  });

  it('has loaded the dataset and follows it when start() resolves', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    expect((await world.cache.get('item-00001')).outcome).toBe('not-loaded');
    const worker = await world.started(primary);
    expect(await world.cache.get('item-00001')).toMatchObject({ outcome: 'hit', record: item('item-00001') });
    expect((await world.cache.get('item-99999')).outcome).toBe('miss');
    expect(worker.status()).toMatchObject({ state: 'following', loading: null, error: null });
    expect(worker.status().position).toBe(await world.checkpoint());
    expect(await world.cache.loadNote()).toMatchObject({ records: 3, from: 'memory' });
    expect(await world.isMarked()).toBe(false);
  });

  it('applies additions, updates, deletions and truncations in order', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    const worker = await world.started(primary);
    primary.add(item('new', 1));
    primary.update('new', { version: '2' });
    primary.update('item-00000', { version: '7' });
    primary.delete('item-00001');
    await until(async () => (await world.version('new')) === '2' && (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual({ new: '2', 'item-00000': '7', 'item-00002': '1' });

    primary.truncate();
    primary.add(item('after', 3));
    await until(() => world.version('after'));
    expect(await versionsIn(world.cache)).toEqual({ after: '3' });
    expect((await world.cache.get('item-00000')).outcome).toBe('miss');
  });

  it('ends with what a thousand changes to ten records leave behind', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10, 0) });
    const worker = await world.started(primary, { maxBatch: 7 });
    for (let n = 1; n <= 1000; n++) {
      const id = `item-0000${n % 10}`;
      if (n % 17 === 0) primary.delete(id);
      else if (!primary.update(id, { version: String(n) })) primary.add(item(id, n));
    }
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
  });

  it('merges the fields of a partial upsert', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').rows(item('a')).end();
    await starting;
    source.send(6, { op: 'upsert', id: 'a', record: { version: '2' }, partial: true });
    await until(async () => (await world.version('a')) === '2');
    expect((await world.cache.get('a')).record).toEqual({ id: 'a', name: 'Item a', version: '2' });
  });

  it('never leaves a record without a TTL', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    await world.started(primary);
    primary.update('item-00000', { version: '2' });
    await until(async () => (await world.version('item-00000')) === '2');
    for (const id of ['item-00000', 'item-00001', 'item-00002']) {
      expect(await world.cache.ttlRemaining(id)).toBeGreaterThan(500);
      expect(await world.cache.ttlRemaining(id)).toBeLessThanOrEqual(600);
    }
  });
});

describe('a worker', () => {
  beforeEach(async () => {
    world = await SyncWorld.open(redis);
  });

  it('applies what has piled up in batches of maxBatch, each with its position', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    const worker = await world.started(primary, { maxBatch: 4 });
    await worker.pause();
    for (let n = 2; n <= 11; n++) primary.update('item-00000', { version: String(n) });
    worker.resume();
    await until(async () => (await world.version('item-00000')) === '11');
    const applied = world.told('applied');
    expect(applied.map(({ changes }) => changes.length)).toEqual([4, 4, 2]);
    expect(applied.at(-1)?.position).toBe(worker.status().position);
    expect(new Set(applied.map(({ position }) => position)).size).toBe(3);
  });

  it('tells what it does', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(2_500) });
    const worker = await world.started(primary);
    primary.update('item-00000', { version: '2' });
    primary.delete('item-00001');
    await until(() => world.told('applied').flatMap(({ changes }) => changes).length === 2);
    await worker.pause();
    worker.resume();
    await worker.stop();

    expect(world.states()).toEqual(['starting', 'following', 'paused', 'following', 'stopped']);
    expect(world.told('loaded')).toEqual([
      expect.objectContaining({ loaded: 2_500, refused: 0, removed: 0, elapsedMs: expect.any(Number) }),
    ]);
    expect(world.told('load-progress').map(({ loaded }) => loaded)).toEqual([1_000, 2_000, 2_500]);
    expect(world.told('applied').flatMap(({ changes }) => changes)).toEqual([
      { op: 'upsert', id: 'item-00000' },
      { op: 'delete', id: 'item-00001' },
    ]);
    expect(world.told('applied')[0]?.lagMs).toBeGreaterThanOrEqual(0);
    expect(world.told('worker-error')).toEqual([]);
    expect(world.cache.stats()).toMatchObject({ prefetched: 2_500, changesApplied: 2 });
  });

  it('says how far a load has come', async () => {
    const source = new ScriptedSource<Item>();
    const worker = world.worker(source);
    expect(worker.status()).toMatchObject({
      state: 'idle',
      position: null,
      loading: null,
      error: null,
      lastAppliedAt: null,
    });
    expect(await worker.lag()).toBeNull();
    const starting = worker.start();
    expect(worker.status().state).toBe('starting');
    const snapshot = (await source.snapshot()).answer('5').rows(...items(3), { ...item('x'), id: '' });
    await until(() => snapshot.isHungry);
    expect(worker.status().loading).toEqual({ loaded: 3, refused: 1 });
    snapshot.end();
    await starting;
    expect(worker.status()).toMatchObject({ state: 'following', loading: null, position: '5' });
    expect(await worker.lag()).toEqual({ events: 7 });
    source.send(6, { op: 'delete', id: 'item-00000' });
    await until(() => worker.status().position === '6');
    expect(Date.parse(worker.status().lastAppliedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });

  it('moves its checkpoint with a heartbeat, and tells of no changes', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').rows(item('a')).end();
    await starting;
    source.send(9);
    await until(() => source.acknowledged.includes('9'));
    expect(await world.checkpoint()).toBe('9');
    expect(world.told('applied')).toEqual([]);
  });

  it('loads an empty primary', async () => {
    await world.started(new MemoryPrimary<Item>({ records: [] }));
    expect((await world.cache.get('a')).outcome).toBe('miss');
    expect(await world.cache.loadNote()).toMatchObject({ records: 0 });
  });

  it('acknowledges only what is in Redis', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('5').end();
    const worker = await starting;
    await worker.pause();
    source.send(6, { op: 'upsert', id: 'a', record: item('a') });
    await worker.pause(); // a round through the turnstile
    expect(source.acknowledged).toEqual([]);
    worker.resume();
    worker.resume();
    await until(() => source.acknowledged.includes('6'));
    expect(await world.version('a')).toBe('1');
  });

  it('works for two datasets of one primary at once', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    const other = await SyncWorld.open(redis);
    try {
      await Promise.all([world.started(primary), other.started(primary)]);
      primary.update('item-00000', { version: '2' });
      await until(async () => (await other.version('item-00000')) === '2');
      await until(async () => (await world.version('item-00000')) === '2');
    } finally {
      await other.close();
    }
  });
});
