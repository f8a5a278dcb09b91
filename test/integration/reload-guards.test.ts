import type { ReloadContext } from '../../src/sync/reload.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { LoadWorld } from '../support/load-world.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import type { ScriptedSnapshot } from '../support/scripted-source.js';
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

/** A reload whose snapshot stands at 20 and has these rows. */
async function reloadOf(rows: readonly Item[], options: Partial<ReloadContext<Item>> = {}) {
  const reload = world.reload(options);
  const report = reload.run();
  report.catch(() => undefined);
  const snapshot = await world.source.snapshot(world.source.snapshots.length + 1);
  snapshot
    .answer('20')
    .rows(...rows)
    .end();
  return { reload, report };
}

function upsert(id: string, version: number) {
  return { op: 'upsert', id, record: item(id, version) } as const;
}

const refused = { code: 'ERR_PREFETCH_RELOAD_REFUSED' };

/** Nothing was removed, the dataset still counts as loaded, and the next start loads it again. */
async function expectNothingRemoved(records: readonly Item[]): Promise<void> {
  expect(Object.keys(await versionsIn(world.cache))).toEqual(
    expect.arrayContaining(records.map(({ id }) => id)),
  );
  expect((await world.cache.get('nobody')).outcome).toBe('miss');
  expect(await world.isMarked()).toBe(true);
  expect(await world.client.get(world.cache.dataset.keys.checkpoint)).toBeNull();
  expect(world.position).not.toBe('20');
}

describe('an empty snapshot', () => {
  it('removes nothing, and the error says how many records are there', async () => {
    const records = await loaded(40);
    const { report } = await reloadOf([]);
    await expect(report).rejects.toMatchObject(refused);
    await expect(report).rejects.toThrow(/empty, and 40 records .* reload\(\{ force: true \}\)/);
    await expectNothingRemoved(records);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(records));
  });

  it('is refused even where everything may be removed', async () => {
    const records = await loaded(3);
    const { report } = await reloadOf([], { maxShrink: 1 });
    await expect(report).rejects.toMatchObject(refused);
    await expectNothingRemoved(records);
  });

  it('is the truth where no record is there', async () => {
    const { report } = await reloadOf([]);
    await expect(report).resolves.toMatchObject({ loaded: 0, removed: 0 });
    expect((await world.cache.get('a')).outcome).toBe('miss');
  });

  it('is the truth where changes after it brought all that is there', async () => {
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20');
    await until(() => snapshot.isHungry);
    await world.apply(25, upsert('a', 25), upsert('b', 25));
    snapshot.end();
    await expect(report).resolves.toMatchObject({ loaded: 0, removed: 0 });
    expect(await versionsIn(world.cache)).toEqual({ a: '25', b: '25' });
  });

  it('removes everything when it is forced', async () => {
    await loaded(40);
    const { report } = await reloadOf([], { force: true });
    await expect(report).resolves.toMatchObject({ loaded: 0, removed: 40 });
    expect(await world.cache.count()).toBe(0);
    expect(await world.isMarked()).toBe(false);
  });
});

describe('a snapshot that lacks much', () => {
  it.each([
    [0.5, 50, 50],
    [0.5, 100, 100],
    [0.25, 75, 25],
    [0, 100, 0],
    [1, 1, 99],
  ])('is taken up to the allowed share: %d', async (maxShrink, rows, removed) => {
    const records = await loaded(100);
    const { report } = await reloadOf(records.slice(0, rows), { maxShrink });
    await expect(report).resolves.toMatchObject({
      loaded: rows,
      removed: rows === 100 ? 0 : removed,
    });
    expect(await world.cache.count()).toBe(rows);
  });

  it.each([
    [0.5, 49, '51 of 100', '51 %', '50 %'],
    [0.25, 74, '26 of 100', '26 %', '25 %'],
    [0, 99, '1 of 100', '1 %', '0 %'],
  ])('is refused beyond it: %d', async (maxShrink, rows, lacks, share, allowed) => {
    const records = await loaded(100);
    const { report } = await reloadOf(records.slice(0, rows), { maxShrink });
    await expect(report).rejects.toMatchObject(refused);
    await expect(report).rejects.toThrow(
      `${rows} rows and lacks ${lacks} records that are there: ${share}, and maxShrink allows ${allowed}`,
    );
    await expectNothingRemoved(records);
  });

  it('is refused when it has as many rows, but other ones', async () => {
    const records = await loaded(100);
    const others = items(300, 2).slice(100);
    const { report } = await reloadOf(others);
    await expect(report).rejects.toThrow('lacks 100 of 100 records that are there: 100 %');
    await expectNothingRemoved(records);
    expect(await world.cache.count()).toBe(300);
  });

  it('removes what it lacks when it is forced', async () => {
    const records = await loaded(100);
    const { report } = await reloadOf(records.slice(0, 3), { force: true, maxShrink: 0 });
    await expect(report).resolves.toMatchObject({ loaded: 3, removed: 97 });
  });

  it('can be forced after it was refused', async () => {
    const records = await loaded(100);
    await expect((await reloadOf(records.slice(0, 3))).report).rejects.toMatchObject(refused);
    const { report } = await reloadOf(records.slice(0, 3), { force: true });
    await expect(report).resolves.toMatchObject({ loaded: 3, removed: 97 });
    expect(await world.isMarked()).toBe(false);
  });

  it('does not count records that changes after it brought or removed', async () => {
    const records = await loaded(100);
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20').rows(...records.slice(0, 40));
    await until(() => snapshot.isHungry);
    const changes = records.slice(40, 80).map(({ id }) => upsert(id, 25));
    await world.apply(25, ...changes, { op: 'delete', id: records[80]!.id });
    snapshot.end();
    await expect(report).resolves.toMatchObject({ loaded: 40, removed: 19 });
    expect(await world.cache.count()).toBe(80);
  });

  it('is the truth when a lagging feed brings the truncate that explains it', async () => {
    const records = await loaded(100);
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20').rows(item(records[0]!.id, 20));
    await until(() => snapshot.isHungry);
    await world.apply(15, { op: 'truncate' }, upsert('short-lived', 15));
    snapshot.end();
    await expect(report).resolves.toMatchObject({ loaded: 1, removed: 100 });
    expect(await versionsIn(world.cache)).toEqual({ [records[0]!.id]: '20' });
  });
});

describe('a snapshot in which an id comes twice', () => {
  it.each([
    ['one after the other', [item('item-00000', 2), item('item-00000', 3)]],
    ['far apart', [item('item-00000', 2), ...items(1_700, 2).slice(5), item('item-00000', 3)]],
  ])('is refused at once: %s', async (_, rows) => {
    const records = await loaded(5);
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20').rows(...rows);
    await expect(report).rejects.toMatchObject(refused);
    await expect(report).rejects.toThrow(
      /The id item-00000 came twice in the snapshot, again after [\d,]+ rows/,
    );
    expect(snapshot.isClosed).toBe(true);
    await expectNothingRemoved(records);
    const { record } = await world.cache.get('item-00000');
    expect(record?.version).not.toBe('3');
  });

  it('is refused across pages', async () => {
    const records = await loaded(5);
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20').rows(item('a', 2));
    snapshot.rows(item('b', 2)).rows(item('a', 3));
    await expect(report).rejects.toThrow('The id a came twice in the snapshot, again after 2 rows');
    expect(await versionsIn(world.cache)).toEqual({ ...versionsOf(records), a: '2', b: '2' });
  });

  it('is refused when one of them is refused, or overtaken by a change', async () => {
    await loaded(5);
    const broken = { ...item('a', 2), name: { not: 'text' } as never };
    await expect((await reloadOf([broken, item('a', 3)])).report).rejects.toMatchObject(refused);
    await expect((await reloadOf([item('a', 3), broken])).report).rejects.toMatchObject(refused);
    expect((await world.cache.get('a')).outcome).toBe('miss');

    const reload = world.reload();
    const report = reload.run();
    await world.apply(25, upsert('a', 25));
    (await world.source.snapshot(3)).answer('20').rows(item('a', 2)).rows(item('a', 3));
    await expect(report).rejects.toMatchObject(refused);
    expect(await world.cache.get('a')).toMatchObject({ record: { version: '25' } });
  });

  it('lets the later row win when it is forced', async () => {
    await loaded(2);
    const rows = [item('item-00000', 2), item('item-00001', 2), item('item-00000', 3)];
    const { report } = await reloadOf(rows, { force: true });
    await expect(report).resolves.toMatchObject({ removed: 0 });
    expect(await versionsIn(world.cache)).toEqual({ 'item-00000': '3', 'item-00001': '2' });
  });

  it('is not what rows look like that are written again because Redis failed', async () => {
    const rows = items(1_200, 2);
    let failures = 0;
    const { access } = world.repository;
    const { client } = access;
    const sendCommand = client.sendCommand.bind(client);
    jest.spyOn(client, 'sendCommand').mockImplementation(async (words, options) => {
      const isWrite = words[0]?.startsWith('EVAL') && words.some((word) => word.includes('HSET'));
      const isLost = isWrite && ++failures <= 3;
      const reply = await sendCommand(words, options);
      if (isLost) throw new Error('Socket closed unexpectedly'); // written, and only the answer was lost
      return reply;
    });
    const { report } = await reloadOf(rows);
    await expect(report).resolves.toMatchObject({ loaded: 1_200, refused: 0 });
    expect(failures).toBeGreaterThan(3);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(rows));
  });

  it('is not what rows without an id look like: these are refused one by one', async () => {
    await loaded(2);
    const nameless = [null, null, { name: 'x' }, { id: 5 }, { id: 5 }] as never[];
    const { report } = await reloadOf([...items(2, 2), ...nameless]);
    await expect(report).resolves.toMatchObject({ loaded: 2, refused: 5, removed: 0 });
  });
});

describe('a snapshot that fails half-way', () => {
  it('removes nothing, keeps the rows that are in, and lets changes go on', async () => {
    const records = await loaded(10);
    const reload = world.reload();
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20').rows(item('item-00000', 20));
    await until(() => snapshot.isHungry);
    snapshot.fail(new Error('boom'));
    await expect(report).rejects.toThrow('boom');
    await expectNothingRemoved(records);
    expect(await world.cache.get('item-00000')).toMatchObject({ record: { version: '20' } });
    await world.apply(15, upsert('item-00000', 15), { op: 'delete', id: 'item-00001' });
    await world.apply(25, upsert('item-00002', 25));
    expect(await versionsIn(world.cache)).toMatchObject({ 'item-00000': '20', 'item-00002': '25' });
    expect((await world.cache.get('item-00001')).outcome).toBe('miss');
  });
});

describe('a truncate that was left to the removal of orphans', () => {
  it.each<[string, (snapshot: ScriptedSnapshot<Item>) => unknown]>([
    ['is refused', (snapshot) => snapshot.rows(item('item-00000', 20))],
    [
      'fails',
      (snapshot) => {
        snapshot.fail(new Error('boom'));
      },
    ],
  ])('takes effect when the reload %s', async (_, goWrong) => {
    await loaded(100);
    const reload = world.reload();
    const report = reload.run();
    report.catch(() => undefined);
    const snapshot = (await world.source.snapshot()).answer('20').rows(item('item-00000', 20));
    await until(() => snapshot.isHungry);
    await world.apply(14, upsert('item-00005', 14), upsert('before', 14));
    await world.apply(15, upsert('before', 15), { op: 'truncate' }, upsert('after', 15), upsert('gone', 15));
    await world.apply(16, { op: 'delete', id: 'gone' });
    await world.apply(25, upsert('item-00007', 25));
    goWrong(snapshot);
    await expect(report).rejects.toThrow();
    expect(await versionsIn(world.cache)).toEqual({
      after: '15',
      'item-00000': '20',
      'item-00007': '25',
    });
  });
});

describe('a row that could not be written', () => {
  it('makes no change up to the snapshot needless', async () => {
    world.close();
    world = await LoadWorld.open(redis, { impatient: true });
    await loaded(3);
    const { client } = world.repository.access;
    const sendCommand = client.sendCommand.bind(client);
    const sending = jest.spyOn(client, 'sendCommand').mockImplementation(async (words, options) => {
      if (words.includes('HSET')) throw new Error('Socket closed unexpectedly');
      return sendCommand(words, options);
    });
    const { report } = await reloadOf([item('item-00000', 20)]);
    await expect(report).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    sending.mockRestore();
    await world.apply(15, upsert('item-00000', 15));
    expect(await world.cache.get('item-00000')).toMatchObject({ record: { version: '15' } });
  });
});

describe('changes of a lagging feed after a reload was refused', () => {
  it('are applied, unless their row is in', async () => {
    const records = await loaded(100);
    const { report, reload } = await reloadOf(records.slice(0, 10).map(({ id }) => item(id, 20)));
    await expect(report).rejects.toMatchObject(refused);
    await world.apply(15, upsert('item-00000', 15), upsert('item-00050', 15), {
      op: 'delete',
      id: 'item-00060',
    });
    const versions = await versionsIn(world.cache);
    expect(versions).toMatchObject({ 'item-00000': '20', 'item-00050': '15' });
    expect(versions).not.toHaveProperty('item-00060');
    await world.apply(18, { op: 'truncate' }, upsert('item-00001', 18));
    expect(await versionsIn(world.cache)).toEqual({ 'item-00001': '18' });
    expect(reload.isOverAt('25')).toBe(true);
  });
});

describe('progress', () => {
  it('tells how many rows there are, when the source knows', async () => {
    const reload = world.reload();
    expect(reload.progress).toEqual({ loaded: 0, refused: 0 });
    const report = reload.run();
    const snapshot = (await world.source.snapshot()).answer('20', { total: 3 });
    snapshot.rows(item('a'), item('b'));
    await until(() => snapshot.isHungry);
    expect(reload.progress).toEqual({ loaded: 2, refused: 0, total: 3 });
    snapshot.rows(item('c')).end();
    await report;
    const told = world.told('load-progress').map(({ loaded: rows, total }) => [rows, total]);
    expect(told).toEqual([
      [2, 3],
      [3, 3],
    ]);
  });

  it('says nothing of a number that is not known', async () => {
    await (
      await reloadOf(items(3))
    ).report;
    expect(world.told('load-progress')[0]).not.toHaveProperty('total');
  });
});
