import type { ReloadContext } from '../../src/sync/reload.js';
import { recordSize } from '../../src/cache/record-size.js';
import { PrefetchCache } from '../../src/index.js';
import { Clients } from '../support/clients.js';
import { type Item, item, itemSchema, items, layouts } from '../support/item.js';
import { LoadWorld } from '../support/load-world.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let client: TestClient;
let world: LoadWorld;

beforeAll(async () => {
  redis = await startTestRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  client = await redis.client();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  await client.flushAll('SYNC');
  await client.configResetStat();
  await client.configSet('maxmemory-policy', 'noeviction');
  world = await LoadWorld.open(redis);
});

afterEach(async () => {
  await client.configSet('maxmemory', '0');
  world.close();
});

async function figureOf(name: string): Promise<number> {
  const info = await client.info();
  return Number(new RegExp(`^${name}:(?:count=)?(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

/** Lets the server grow by that many bytes, and no more. */
async function leaveRoom(bytes: number): Promise<void> {
  await client.configSet('maxmemory', String((await figureOf('used_memory')) + bytes));
}

/** How often the server refused a command because it was full. */
function refusals(): Promise<number> {
  return figureOf('errorstat_OOM');
}

function large(id: string, version = 1): Item {
  return { ...item(id, version), name: 'n'.repeat(1_000) };
}

function largeItems(count: number, version = 1): Item[] {
  return items(count, version).map(({ id }) => large(id, version));
}

function runReload(options: Partial<ReloadContext<Item>> = {}) {
  const reload = world.reload(options);
  const report = reload.run();
  report.catch(() => undefined);
  return { reload, report };
}

async function nextSnapshot() {
  return world.source.snapshot(world.source.snapshots.length + 1);
}

const noMemory = { code: 'ERR_PREFETCH_NO_MEMORY' };

describe('a load of which the number of rows is known', () => {
  it('is refused before its first row is written when it cannot fit', async () => {
    await world.cache.bulkLoad(items(100));
    await leaveRoom(3_000_000);
    const { report, reload } = runReload();
    const snapshot = (await nextSnapshot()).answer('20', { total: 10_000 });
    snapshot.rows(...largeItems(500, 2));
    await expect(report).rejects.toMatchObject(noMemory);
    expect(snapshot.isClosed).toBe(true);
    expect(reload.progress).toEqual({ loaded: 0, refused: 0, total: 10_000 });
    const { message } = (await report.catch((error: unknown) => error)) as Error;
    expect(message).toMatch(/the next 9,900 records need about 1\d MB at 1,\d\d\d bytes each/);
    expect(message).toMatch(/and (2\.\d\d|3\.00) MB are free/);
    expect(message).toMatch(/0 rows of 10,000 are written; the 100 records that were there stay readable/);
    expect(message).toContain('start({ force: true })');
    expect(await world.cache.get('item-00000')).toMatchObject({ outcome: 'hit', record: { version: '1' } });
    expect(await world.isMarked()).toBe(true);
    expect(await refusals()).toBe(0);
  });

  it('is done when it fits, up to the last', async () => {
    await leaveRoom(20_000_000);
    const { report } = runReload();
    const snapshot = (await nextSnapshot()).answer('20', { total: 10_000 });
    snapshot.rows(...largeItems(10_000)).end();
    await expect(report).resolves.toMatchObject({ loaded: 10_000 });
    expect(await refusals()).toBe(0);
  });

  it('needs room only for what is not there yet', async () => {
    await world.cache.bulkLoad(largeItems(10_000));
    await leaveRoom(2_500_000);
    const { report } = runReload();
    const snapshot = (await nextSnapshot()).answer('20', { total: 10_500 });
    snapshot.rows(...largeItems(10_500, 2)).end();
    await expect(report).resolves.toMatchObject({ loaded: 10_500 });
    expect(await refusals()).toBe(0);
  });

  it('is refused when nothing is free, before anything is written', async () => {
    await world.cache.bulkLoad(items(100));
    await leaveRoom(-1_000_000);
    const { report } = runReload();
    await expect(report).rejects.toMatchObject(noMemory);
    await expect(report).rejects.toThrow('it is to be loaded, and 0.00 MB are free');
    expect(world.source.snapshots).toHaveLength(0);
    expect(await world.isMarked()).toBe(false);
    expect((await world.cache.get('item-00000')).outcome).toBe('hit');
  });

  it('is refused too when the server would make room by evicting records, and says so', async () => {
    await client.configSet('maxmemory-policy', 'allkeys-lru');
    await leaveRoom(3_000_000);
    const { report } = runReload();
    (await nextSnapshot()).answer('20', { total: 10_000 }).rows(...largeItems(500));
    await expect(report).rejects.toMatchObject(noMemory);
    await expect(report).rejects.toThrow('by its policy allkeys-lru the server would evict records');
  });
});

describe.each(layouts)('a load of an unknown number of rows, layout %s', (layout) => {
  beforeEach(async () => {
    world.close();
    world = await LoadWorld.open(redis, { layout });
  });

  it('ends while there still is room, and leaves what was there', async () => {
    await world.cache.bulkLoad(items(1_000));
    await leaveRoom(6_000_000);
    const { report, reload } = runReload();
    const snapshot = (await nextSnapshot()).answer('20');
    for (let page = 0; page < 20; page++) {
      snapshot.rows(...largeItems(20_000, 2).slice(page * 1_000, (page + 1) * 1_000));
    }
    await expect(report).rejects.toMatchObject(noMemory);
    const { loaded: rows } = reload.progress;
    expect(rows).toBeGreaterThan(2_000);
    expect(rows).toBeLessThan(6_000);
    expect(await refusals()).toBe(0);
    expect((await world.cache.getMany(items(1_000).map(({ id }) => id))).outcome).toBe('hit');
    expect(await world.cache.ttlRemaining('item-00000')).toBeGreaterThan(500);
    await world.apply(25, { op: 'upsert', id: 'after', record: item('after', 25) });
    expect((await world.cache.get('after')).outcome).toBe('hit');
  });

  it('is done when it fits', async () => {
    await leaveRoom(6_000_000);
    const { report } = runReload();
    (await nextSnapshot())
      .answer('20')
      .rows(...largeItems(2_000))
      .end();
    await expect(report).resolves.toMatchObject({ loaded: 2_000 });
  });
});

describe('a server that others fill while a load runs', () => {
  /** Redis says that it is full to the next row that is written. */
  async function fillBeforeNextWrite(): Promise<void> {
    await client.configSet('maxmemory', String((await figureOf('used_memory')) - 100_000));
  }

  it('ends the load instead of trying for ever', async () => {
    await world.cache.bulkLoad(items(100));
    await leaveRoom(500_000_000);
    const { report } = runReload();
    const snapshot = (await nextSnapshot()).answer('20').rows(...largeItems(50, 2));
    await until(() => snapshot.isHungry);
    await fillBeforeNextWrite();
    snapshot.rows(...largeItems(100, 2).slice(50));
    await expect(report).rejects.toMatchObject(noMemory);
    expect(await refusals()).toBeGreaterThan(0);
    const lookup = await world.cache.getMany(items(100).map(({ id }) => id));
    expect(lookup).toMatchObject({ outcome: 'hit', missing: [] });
    expect(await world.isMarked()).toBe(true);
  });

  it('is waited for when the load is forced', async () => {
    await leaveRoom(500_000_000);
    const { report } = runReload({ force: true });
    const snapshot = (await nextSnapshot()).answer('20').rows(...largeItems(50, 2));
    await until(() => snapshot.isHungry);
    await fillBeforeNextWrite();
    snapshot.rows(...largeItems(100, 2).slice(50)).end();
    await until(async () => (await refusals()) >= 3);
    await client.configSet('maxmemory', '0');
    await expect(report).resolves.toMatchObject({ loaded: 100 });
  });
});

describe('no limit is known', () => {
  it('where the server has none', async () => {
    const { report } = runReload();
    (await nextSnapshot())
      .answer('20', { total: 1e9 })
      .rows(...items(1_000))
      .end();
    await expect(report).resolves.toMatchObject({ loaded: 1_000 });
  });

  it('to a user who may not ask', async () => {
    await leaveRoom(10_000_000);
    await client.sendCommand(['ACL', 'SETUSER', 'shy', 'on', '>secret', '~*', '&*', '+@all', '-info']);
    const clients = new Clients();
    const shy = await clients.connect(redis.url, { username: 'shy', password: 'secret' });
    const schema = itemSchema(uniquePrefix('cache:item'), 'HASH');
    const cache = new PrefetchCache({ client: shy, schema });
    const { report } = runReload({ repository: cache.repositoryOn(shy) });
    const snapshot = (await nextSnapshot()).answer('20', { total: 1e9 });
    snapshot.rows(...items(1_000)).end();
    await expect(report).resolves.toMatchObject({ loaded: 1_000 });
    clients.closeAll();
  });

  it('when the load is forced', async () => {
    await leaveRoom(10_000_000);
    const { report } = runReload({ force: true });
    const snapshot = (await nextSnapshot()).answer('20', { total: 1e9 });
    snapshot.rows(...items(1_000)).end();
    await expect(report).resolves.toMatchObject({ loaded: 1_000 });
  });
});

describe.each(layouts)('recordSize(), layout %s', (layout) => {
  const shapes: Record<string, (i: number) => Record<string, unknown> & { id: string }> = {
    'three short fields': (i) => ({ ...item(`item-${i}`) }),
    'one long text': (i) => ({ ...item(`item-${i}`), name: 'n'.repeat(300) }),
    'a very long text': (i) => ({ ...item(`item-${i}`), name: 'n'.repeat(4_000) }),
    'forty fields, one of them long': (i) => ({
      ...item(`item-${i}`),
      ...Object.fromEntries(
        Array.from({ length: 40 }, (_, n) => [`field_number_${n}`, 'v'.repeat(n === 0 ? 70 : 10)]),
      ),
    }),
  };

  it.each(Object.keys(shapes))('is about what Redis takes: %s', async (name) => {
    world.close();
    world = await LoadWorld.open(redis, { layout });
    const { access } = world.repository;
    const records = Array.from({ length: 5_000 }, (_, i) => shapes[name]!(i) as unknown as Item);
    const storage = await access.storage();
    const before = await figureOf('used_memory');
    await world.cache.bulkLoad(records);
    const measured = ((await figureOf('used_memory')) - before) / records.length;
    const estimated = recordSize(access.dataset, storage, records[0]!);
    expect(estimated / measured).toBeGreaterThan(0.85);
    expect(estimated / measured).toBeLessThan(1.3);
  });
});
