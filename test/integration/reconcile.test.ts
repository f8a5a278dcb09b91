import type { ReconcileReport } from '../../src/sync/reconciliation.js';
import type { ReconcileContext } from '../../src/sync/reconciliation.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { LoadWorld } from '../support/load-world.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: LoadWorld;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await LoadWorld.open(redis);
});

afterEach(() => {
  world.close();
});

/** A dataset with records of version 1, loaded and followed up to 10. */
async function loaded(count: number): Promise<Item[]> {
  const records = items(count);
  await world.cache.bulkLoad(records);
  world.position = '10';
  return records;
}

/** Begins to compare, and gives the snapshot that was asked for. */
async function begun(options: Partial<ReconcileContext<Item>> = {}) {
  const snapshots = world.source.snapshots.length;
  const report = world.reconciliation(options).run();
  report.catch(() => undefined);
  const snapshot = await world.source.snapshot(snapshots + 1);
  return { report, snapshot };
}

/** Compares with these rows, as of 10. */
async function comparedWith(
  rows: readonly Item[],
  options: Partial<ReconcileContext<Item>> = {},
): Promise<ReconcileReport> {
  const { report, snapshot } = await begun(options);
  snapshot
    .answer('10')
    .rows(...rows)
    .end();
  return report;
}

function upsert(id: string, version: number) {
  return { op: 'upsert', id, record: item(id, version) } as const;
}

const nothing = {
  missing: 0,
  different: 0,
  orphaned: 0,
  repaired: 0,
  refused: 0,
  examples: { missing: [], different: [], orphaned: [] },
};

async function everyTtlIsWhole(): Promise<void> {
  for await (const id of world.cache.ids()) {
    expect(await world.cache.ttlRemaining(id)).toBeGreaterThan(590);
  }
}

describe.each(layouts)('a reconciliation, layout %s', (layout) => {
  beforeEach(async () => {
    world.close();
    world = await LoadWorld.open(redis, { layout });
  });

  /** Writes under a record's key what no worker would. */
  async function spoil(id: string, fields: Record<string, string>): Promise<void> {
    if (layout === 'HASH') await world.client.hSet(world.key(id), fields);
    else {
      const text = await world.client.get(world.key(id));
      const document = { ...(JSON.parse(text ?? '{}') as object), ...fields };
      await world.client.set(world.key(id), JSON.stringify(document), { expiration: 'KEEPTTL' });
    }
  }

  it('finds nothing in a dataset that is as the primary', async () => {
    const records = await loaded(1_300);
    expect(await comparedWith(records)).toEqual({
      ...nothing,
      compared: 1_300,
      elapsedMs: expect.any(Number),
      position: '10',
    });
    expect(world.told('reconciled')).toEqual([
      {
        type: 'reconciled',
        dataset: world.cache.name,
        at: expect.any(Number),
        ...{ compared: 1_300, missing: 0, different: 0, orphaned: 0, repaired: 0 },
        elapsedMs: expect.any(Number),
      },
    ]);
  });

  it.each([false, true])('reports what is wrong, and repairs it if asked: %s', async (repair) => {
    const records = await loaded(1_300);
    await world.client.del(world.key('item-00003'));
    await world.client.del(world.key('item-01200'));
    await spoil('item-00005', { name: 'by hand', extra: 'x' });
    await spoil('item-00006', { version: '0' });
    await spoil('stranger', { id: 'stranger', name: 'by hand', version: '1' });
    await world.client.del(world.key('item-00009'));
    await world.client.rPush(world.key('item-00009'), 'not a record');
    const report = await comparedWith(records, { repair });
    expect(report).toMatchObject({
      ...{ compared: 1_300, missing: 2, different: 3, orphaned: 1, refused: 0 },
      repaired: repair ? 6 : 0,
      examples: {
        missing: ['item-00003', 'item-01200'],
        different: [
          { id: 'item-00005', fields: ['name', 'extra'] },
          { id: 'item-00006', fields: ['version'] },
          { id: 'item-00009', fields: [] },
        ],
        orphaned: ['stranger'],
      },
    });
    if (!repair) {
      expect((await world.cache.get('item-00003')).outcome).toBe('miss');
      expect((await world.cache.get('stranger')).outcome).toBe('hit');
      return;
    }
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records));
    expect((await world.cache.get('item-00005')).record).toEqual(records[5]);
    await everyTtlIsWhole();
    expect(await comparedWith(records)).toMatchObject({ ...nothing, compared: 1_300 });
  });

  it('finds what cannot be read as a record at all', async () => {
    const records = await loaded(3);
    for (const { id } of records) await world.client.del(world.key(id));
    await world.client.set(world.key('item-00000'), 'neither a hash nor JSON');
    await world.client.set(world.key('item-00001'), '["a list"]');
    await world.client.hSet(world.key('item-00002'), { [layout === 'HASH' ? 'nonsense' : 'id']: 'x' });
    const report = await comparedWith(records, { repair: true });
    expect(report).toMatchObject({ missing: 0, different: 3, repaired: 3 });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records));
    await everyTtlIsWhole();
  });

  it('counts rows that do not fit the schema, and calls their records neither missing nor orphaned', async () => {
    const records = await loaded(3);
    const broken = [
      { ...item('item-00001', 2), name: { not: 'text' } as never },
      { ...item('never there'), name: 5 as never },
      null as never,
      { name: 'without an id' } as never,
    ];
    const rows = [records[0]!, records[2]!, ...broken];
    const report = await comparedWith(rows, { repair: true });
    expect(report).toMatchObject({ ...nothing, compared: 2, refused: 4 });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records));
  });

  it('keeps no more than 20 examples of each', async () => {
    const records = await loaded(120);
    for (const { id } of records.slice(0, 30)) await world.client.del(world.key(id));
    for (const { id } of records.slice(30, 60)) await spoil(id, { version: '0' });
    const { examples, ...report } = await comparedWith(records.slice(0, 90));
    expect(report).toMatchObject({ compared: 90, missing: 30, different: 30, orphaned: 30 });
    expect(Object.values(examples).map(({ length }) => length)).toEqual([20, 20, 20]);
  });
});

describe('a change that is on its way', () => {
  it('is waited for when the snapshot holds it', async () => {
    await loaded(3);
    const { report, snapshot } = await begun();
    snapshot.answer('20').rows(item('item-00000', 20), item('item-00001'), item('new', 20)).end();
    await world.apply(15, { op: 'delete', id: 'item-00002' }, upsert('item-00000', 15));
    await world.apply(20, upsert('item-00000', 20), upsert('new', 20));
    expect(await report).toMatchObject({ ...nothing, compared: 3 });
  });

  it.each(['before the snapshot is there', 'before the rows are', 'between rows', 'after the rows'])(
    'is no difference when it is applied %s',
    async (when) => {
      const records = await loaded(100);
      const changes = [
        upsert('item-00000', 25),
        upsert('item-00099', 25),
        { op: 'delete', id: 'item-00050' } as const,
        upsert('new', 25),
      ];
      const { report, snapshot } = await begun({ repair: true });
      if (when === 'before the snapshot is there') await world.apply(25, ...changes);
      snapshot.answer('10');
      if (when === 'before the rows are') {
        await until(() => snapshot.isHungry);
        await world.apply(25, ...changes);
      }
      snapshot.rows(...records.slice(0, 50));
      if (when === 'between rows') {
        await until(() => snapshot.isHungry);
        await world.apply(25, ...changes);
      }
      snapshot.rows(...records.slice(50));
      if (when === 'after the rows') {
        await until(() => snapshot.isHungry);
        await world.apply(25, ...changes);
      }
      snapshot.end();
      expect(await report).toMatchObject(nothing);
      const versions = await versionsIn(world.cache);
      expect(versions).toMatchObject({ 'item-00000': '25', 'item-00099': '25', new: '25' });
      expect(versions).not.toHaveProperty('item-00050');
    },
  );

  it('is not overwritten by a repair that was decided before it came', async () => {
    const records = await loaded(3);
    await world.client.del(world.key('item-00000'));
    await world.client.del(world.key('item-00001'));
    let changed = false;
    const { report, snapshot } = await begun({
      repair: true,
      write: async (work) => {
        if (!changed) {
          changed = true;
          await world.apply(25, upsert('item-00000', 25));
        }
        return work();
      },
    });
    snapshot
      .answer('10')
      .rows(...records)
      .end();
    expect(await report).toMatchObject({ missing: 2, repaired: 1 });
    expect(await versionsIn(world.cache)).toEqual({ ...versionsOf(records), 'item-00000': '25' });
  });

  it('saves an orphan that it turned into a record meanwhile', async () => {
    const records = await loaded(10);
    const { report, snapshot } = await begun({
      repair: true,
      write: async (work) => {
        await world.apply(25, upsert('item-00009', 25));
        return work();
      },
    });
    snapshot
      .answer('10')
      .rows(...records.slice(0, 9))
      .end();
    expect(await report).toMatchObject({ orphaned: 1, repaired: 0 });
    expect(await world.cache.get('item-00009')).toMatchObject({ record: { version: '25' } });
  });

  it('that truncates leaves nothing to say, nor to repair', async () => {
    const records = await loaded(10);
    const { report, snapshot } = await begun({ repair: true });
    snapshot.answer('10').rows(...records.slice(0, 4));
    await until(() => snapshot.isHungry);
    await world.apply(25, { op: 'truncate' }, upsert('new', 25));
    snapshot.rows(...records.slice(4, 8)).end();
    expect(await report).toMatchObject({ ...nothing, compared: 4 });
    expect(await versionsIn(world.cache)).toEqual({ new: '25' });
  });
});

describe('a snapshot that is not exact', () => {
  const inexact = { exact: false } as const;

  it('may hold changes that are still to come, however late', async () => {
    const records = await loaded(3);
    const waitedFor: string[] = [];
    world.source.onEnd = () => '30';
    const { report, snapshot } = await begun({
      repair: true,
      reachedPast: async (position) => {
        waitedFor.push(position);
        await until(() => Number(world.position) >= Number(position));
      },
    });
    const row = item('item-00000', 25);
    snapshot
      .answer('10', inexact)
      .rows(row, ...records.slice(1))
      .end();
    await until(() => waitedFor.includes('30'));
    await world.apply(25, upsert('item-00000', 25));
    await world.apply(30, upsert('new', 30));
    expect(await report).toMatchObject({ ...nothing, compared: 2 });
    expect(await versionsIn(world.cache)).toMatchObject({ 'item-00000': '25', new: '30' });
  });

  it('may hold changes that the feed is told of only after the row was read', async () => {
    const records = await loaded(3);
    world.source.onEnd = () => world.position ?? '0';
    const { report, snapshot } = await begun({ repair: true });
    const rows = [item('item-00000', 25), records[1]!];
    snapshot.answer('10', inexact).rows(...rows);
    const publishing = setTimeout(() => {
      void world.apply(25, upsert('item-00000', 25), { op: 'delete', id: 'item-00002' });
    }, 150);
    snapshot.end();
    expect(await report).toMatchObject(nothing);
    clearTimeout(publishing);
    expect(await versionsIn(world.cache)).toEqual({ 'item-00000': '25', 'item-00001': '1' });
  });

  it('finds what is wrong all the same', async () => {
    const records = await loaded(10);
    world.source.onEnd = () => '10';
    await world.client.del(world.key('item-00004'));
    await world.client.hSet(world.key('item-00005'), { version: '0' });
    const { report, snapshot } = await begun({ repair: true });
    snapshot
      .answer('10', inexact)
      .rows(...records.slice(0, 9))
      .end();
    expect(await report).toMatchObject({ missing: 1, different: 1, orphaned: 1, repaired: 3 });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records.slice(0, 9)));
  });

  it('is refused when the source cannot say how far its changes go', async () => {
    const records = await loaded(3);
    const session = { ...(await world.source.open()) };
    Reflect.deleteProperty(session, 'end');
    const { report, snapshot } = await begun({ session });
    snapshot.answer('10', inexact).rows(...records);
    await expect(report).rejects.toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining('has no end()') as string,
    });
    expect(snapshot.isClosed).toBe(true);
  });
});

describe('a repair that would remove much', () => {
  it.each<[string, number, RegExp]>([
    [
      'more than maxShrink allows',
      4,
      /lacks 6 of 10 records that are there: 60 %, and maxShrink allows 50 %/,
    ],
    ['everything, for an empty snapshot', 0, /The snapshot is empty, and 10 records are there/],
  ])('removes nothing: %s', async (_, rows, message) => {
    const records = await loaded(10);
    const report = comparedWith(records.slice(0, rows), { repair: true });
    await expect(report).rejects.toMatchObject({ code: 'ERR_PREFETCH_RELOAD_REFUSED' });
    await expect(report).rejects.toThrow(message);
    expect(await world.cache.count()).toBe(10);
    expect(world.told('reconciled')).toMatchObject([{ orphaned: 10 - rows, repaired: 0 }]);
  });

  it('only reports when it is not asked to repair', async () => {
    await loaded(10);
    expect(await comparedWith([])).toMatchObject({ compared: 0, orphaned: 10, repaired: 0 });
    expect(await world.cache.count()).toBe(10);
  });

  it('does it when it is forced', async () => {
    await loaded(10);
    expect(await comparedWith([], { repair: true, force: true })).toMatchObject({
      orphaned: 10,
      repaired: 10,
    });
    expect(await world.cache.count()).toBe(0);
  });
});

describe('a reconciliation that cannot go on', () => {
  it.each(['while it waits for the snapshot', 'while it waits for the feed', 'between rows'])(
    'ends with the reason that the signal gives: %s',
    async (when) => {
      const records = await loaded(3);
      await world.client.del(world.key('item-00000'));
      const ending = new AbortController();
      const { report, snapshot } = await begun({
        repair: true,
        signal: ending.signal,
        reachedPast: (_position, signal) =>
          new Promise((resolve, reject) => {
            if (when === 'between rows') resolve();
            if (signal.aborted) reject(new Error('aborted'));
            signal.addEventListener('abort', () => {
              reject(new Error('aborted'));
            });
          }),
      });
      if (when !== 'while it waits for the snapshot') snapshot.answer('10');
      if (when === 'between rows') await until(() => snapshot.isHungry);
      const reason = new Error('a reload began');
      ending.abort(reason);
      snapshot.rows(...records);
      await expect(report).rejects.toBe(reason);
      expect((await world.cache.get('item-00000')).outcome).toBe('miss');
      expect(world.told('reconciled')).toEqual([]);
    },
  );

  it('passes on what the source fails with, and closes the snapshot', async () => {
    await loaded(3);
    const { report, snapshot } = await begun();
    snapshot.answer('10').rows(item('item-00000'));
    await until(() => snapshot.isHungry);
    snapshot.fail(new Error('boom'));
    await expect(report).rejects.toThrow('boom');
    expect(snapshot.isClosed).toBe(true);
  });

  it('survives connections that break', async () => {
    const records = await loaded(1_000);
    await world.client.del(world.key('item-00500'));
    const { report, snapshot } = await begun({ repair: true });
    snapshot.answer('10');
    const other = await redis.client();
    for (let page = 0; page < 10; page++) {
      snapshot.rows(...records.slice(page * 100, page * 100 + 100));
      await other.clientKill({ filter: 'ID', id: await world.client.clientId() }).catch(() => undefined);
    }
    snapshot.end();
    expect(await report).toMatchObject({
      compared: 1_000,
      missing: 1,
      different: 0,
      orphaned: 0,
      repaired: 1,
    });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records));
  });
});
