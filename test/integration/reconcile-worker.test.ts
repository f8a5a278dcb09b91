import type { ReconcileReport, SyncWorker } from '../../src/index.js';
import { setTimeout as pause } from 'node:timers/promises';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { RedisStreamSource, publishChange } from '../../src/sources/redis-stream/index.js';
import { type Item, type Layout, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

async function reopened(layout: Layout): Promise<void> {
  await world.close();
  world = await SyncWorld.open(redis, { layout });
}

const nothing = { missing: 0, different: 0, orphaned: 0, repaired: 0, refused: 0 };

function key(id: string): string {
  return world.cache.dataset.keys.record(id);
}

/** Makes one record missing, one different and one that the primary does not have. */
async function spoil(): Promise<void> {
  await world.client.del(key('item-00001'));
  await world.client.del(key('item-00002'));
  await world.cache.applyChange({ op: 'upsert', id: 'item-00002', record: item('item-00002', 'x') });
  await world.cache.applyChange({ op: 'upsert', id: 'stranger', record: item('stranger') });
}

const spoiled = {
  ...{ missing: 1, different: 1, orphaned: 1 },
  examples: {
    missing: ['item-00001'],
    different: [{ id: 'item-00002', fields: ['version'] }],
    orphaned: ['stranger'],
  },
};

/** Goes on writing until told to stop, and says how often it wrote. */
function writing(write: (n: number) => unknown) {
  const ending = new AbortController();
  let count = 0;
  const running = (async () => {
    while (!ending.signal.aborted) {
      await write(count++);
      await pause(1);
    }
  })();
  return async () => {
    ending.abort();
    await running;
    return count;
  };
}

/** Compares again and again while something is being written, and gives what was found. */
async function reconciledWhile(
  worker: SyncWorker<Item>,
  write: (n: number) => unknown,
): Promise<ReconcileReport[]> {
  const stop = writing(write);
  const reports: ReconcileReport[] = [];
  for (let round = 0; round < 8; round++) reports.push(await worker.reconcile({ repair: round % 2 === 1 }));
  expect(await stop()).toBeGreaterThan(20);
  return reports;
}

describe.each(layouts)('worker.reconcile(), layout %s', (layout) => {
  beforeEach(() => reopened(layout));

  it('calls no change in flight a difference, however far the feed lags', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(2_000) });
    const worker = await world.started(primary, { maxBatch: 3 });
    const reports = await reconciledWhile(worker, (n) => {
      primary.update(`item-${String((n * 7) % 2_000).padStart(5, '0')}`, { version: `v${n}` });
      if (n % 3 === 0) primary.add(item(`new-${n}`));
      if (n % 3 === 1 && n > 30) primary.delete(`new-${n - 31}`);
    });
    expect(reports).toEqual(reports.map(() => expect.objectContaining(nothing) as unknown));
    expect(reports.every(({ compared }) => compared > 0)).toBe(true);
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
  });

  it('calls no change in flight a difference when the snapshot is not exact', async () => {
    const rows = new Map(items(1_000).map((row) => [row.id, row]));
    const stream = uniquePrefix('changes');
    const source = new RedisStreamSource<Item>({
      client: world.client,
      stream,
      snapshot: async function* () {
        for (const id of [...rows.keys()]) {
          const row = rows.get(id);
          if (row) yield row;
          if (Number(id.slice(-2)) === 0) await new Promise(setImmediate);
        }
      } as never,
    });
    const worker = await world.started(source, { maxBatch: 5 });
    const reports = await reconciledWhile(worker, async (n) => {
      const record = item(`item-${String((n * 7) % 1_100).padStart(5, '0')}`, `v${n}`);
      if (n % 11 === 10) {
        rows.delete(record.id);
        await publishChange(world.client, stream, { op: 'delete', id: record.id });
      } else {
        rows.set(record.id, record);
        if (n % 5 === 0) await pause(20); // committed, and not published yet
        await publishChange(world.client, stream, { op: 'upsert', id: record.id, record });
      }
    });
    expect(reports).toEqual(reports.map(() => expect.objectContaining(nothing) as unknown));
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(rows.values()));
  });

  it('finds and repairs what others did to the dataset, while changes go on', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1_000) });
    const worker = await world.started(primary, { maxBatch: 10 });
    const stop = writing((n) => primary.update(`item-00${500 + (n % 400)}`, { version: `v${n}` }));
    await spoil();
    expect(await worker.reconcile()).toMatchObject({ ...spoiled, repaired: 0 });
    expect(await worker.reconcile({ repair: true })).toMatchObject({ ...spoiled, repaired: 3 });
    expect(await worker.reconcile()).toMatchObject(nothing);
    await stop();
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
    for (const id of ['item-00001', 'item-00002']) {
      expect(await world.cache.ttlRemaining(id)).toBeGreaterThan(590);
    }
    expect(world.told('worker-error')).toEqual([]);
  });
});

describe('worker.reconcile()', () => {
  it('repairs at its time when it has a schedule', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    await world.started(primary, { reconcile: { everyMs: 50, repair: true } });
    await until(() => world.told('reconciled').length > 0);
    await spoil();
    await until(() => world.told('reconciled').some(({ repaired }) => repaired > 0));
    await until(async () => (await world.cache.count()) === 10);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
  });

  it('only tells on a schedule that does not repair', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    await world.started(primary, { reconcile: { everyMs: 50 } });
    await spoil();
    await until(() => world.told('reconciled').some(({ orphaned }) => orphaned === 1));
    expect(world.told('reconciled').every(({ repaired }) => repaired === 0)).toBe(true);
    expect(await world.version('stranger')).toBe('1');
  });

  it('gives way to a reload, and writes nothing after it', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot())
      .answer('10')
      .rows(...items(3))
      .end();
    const worker = await starting;
    await world.client.del(key('item-00001'));
    const reconciling = worker.reconcile({ repair: true });
    reconciling.catch(() => undefined);
    const compared = (await source.snapshot(2)).answer('10').rows(item('item-00000'));
    await until(() => compared.isHungry);
    const reloading = worker.reload();
    await expect(reconciling).rejects.toMatchObject({ code: 'ERR_PREFETCH_RECONCILE_INTERRUPTED' });
    compared.rows(item('item-00001', 'old')).end();
    (await source.snapshot(3))
      .answer('20')
      .rows(...items(3, 20))
      .end();
    expect(await reloading).toMatchObject({ loaded: 3 });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(items(3, 20)));
  });

  it('leaves the worker following when the source fails it, and can be asked again', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot())
      .answer('10')
      .rows(...items(3))
      .end();
    const worker = await starting;
    const reconciling = worker.reconcile();
    (await source.snapshot(2)).refuse(new Error('boom'));
    await expect(reconciling).rejects.toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    source.send(15, { op: 'upsert', id: 'item-00000', record: item('item-00000', 15) });
    await until(async () => (await world.version('item-00000')) === '15');
    expect(worker.status().state).toBe('following');
    const again = worker.reconcile();
    (await source.snapshot(3))
      .answer('15')
      .rows(item('item-00000', 15), ...items(3).slice(1))
      .end();
    expect(await again).toMatchObject({ ...nothing, compared: 3, position: '15' });
  });

  it('removes no more than maxShrink allows, unless it is forced', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { maxShrink: 0.1 });
    (await source.snapshot())
      .answer('10')
      .rows(...items(10))
      .end();
    const worker = await starting;
    const reconciling = worker.reconcile({ repair: true });
    (await source.snapshot(2))
      .answer('10')
      .rows(...items(8))
      .end();
    await expect(reconciling).rejects.toMatchObject({ code: 'ERR_PREFETCH_RELOAD_REFUSED' });
    expect(await world.cache.count()).toBe(10);
    const forced = worker.reconcile({ repair: true, force: true });
    (await source.snapshot(3))
      .answer('10')
      .rows(...items(8))
      .end();
    expect(await forced).toMatchObject({ orphaned: 2, repaired: 2 });
    expect(await world.cache.count()).toBe(8);
  });
});
