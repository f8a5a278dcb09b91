import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
let primary: MemoryPrimary<Item>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true, args: ['--maxmemory-policy', 'noeviction'] });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  primary = new MemoryPrimary<Item>({ records: items(100) });
});

afterEach(async () => {
  await world.client.configSet('maxmemory', '0');
  await world.close();
});

/** Another primary with as many of the records, so that what is there has to be loaded anew. */
function otherPrimary(count: number): MemoryPrimary<Item> {
  return new MemoryPrimary<Item>({ records: items(count, 2) });
}

function large(count: number): Item[] {
  return items(count, 2).map((row) => ({ ...row, name: 'n'.repeat(2_000) }));
}

async function leaveRoom(bytes: number): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await world.client.info('memory'))?.[1]);
  await world.client.configSet('maxmemory', String(used + bytes));
}

const refused = { code: 'ERR_PREFETCH_RELOAD_REFUSED' };
const noMemory = { code: 'ERR_PREFETCH_NO_MEMORY' };

describe('a start whose snapshot looks wrong', () => {
  it.each([0, 49])('is refused with %i of 100 records, and lookups are answered as before', async (count) => {
    await (await world.started(primary)).stop();
    const worker = world.worker(otherPrimary(count));
    await expect(worker.start()).rejects.toMatchObject(refused);
    expect(worker.status()).toMatchObject({ state: 'failed', error: refused });
    expect(await world.cache.count()).toBe(100);
    expect(await world.cache.get('item-00099')).toMatchObject({ outcome: 'hit', record: { version: '1' } });
    expect((await world.cache.get('nobody')).outcome).toBe('miss');
  });

  it('is refused again, until it is forced', async () => {
    await (await world.started(primary)).stop();
    for (let n = 0; n < 2; n++) {
      await expect(world.worker(otherPrimary(10)).start()).rejects.toMatchObject(refused);
    }
    const worker = world.worker(otherPrimary(10));
    await worker.start({ force: true });
    expect(worker.status()).toMatchObject({ state: 'following', lastLoad: { loaded: 10, removed: 90 } });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(items(10, 2)));
    expect(await world.isMarked()).toBe(false);
  });

  it('is allowed what the worker is told to allow', async () => {
    await (await world.started(primary)).stop();
    const worker = await world.started(otherPrimary(10), { maxShrink: 0.9 });
    expect(worker.status().lastLoad).toMatchObject({ loaded: 10, removed: 90 });
  });

  it('is nothing special where the dataset is empty, or is flushed', async () => {
    const worker = await world.started(new MemoryPrimary<Item>({ records: [] }));
    expect(worker.status().lastLoad).toMatchObject({ loaded: 0 });
    await worker.stop();
    await (await world.started(primary)).stop();
    await world.client.flushAll();
    await world.started(otherPrimary(1));
    expect(await world.cache.count()).toBe(1);
  });
});

describe('a reload that does not fit', () => {
  it('is refused with figures, while changes go on being applied', async () => {
    const worker = await world.started(primary);
    for (const row of large(2_000)) if (!primary.add(row)) primary.update(row.id, row);
    await until(async () => (await worker.lag())?.events === 0);
    for (let n = 100; n < 2_000; n++) await world.cache.invalidate(items(2_000)[n]!.id);
    await leaveRoom(2_500_000);
    const reloading = worker.reload();
    await expect(reloading).rejects.toMatchObject(noMemory);
    await expect(reloading).rejects.toThrow(/the next 1,900 records need about \d\.\d\d MB/);
    expect(worker.status()).toMatchObject({ state: 'following', loading: null });
    primary.update('item-00000', { version: '3' });
    await until(async () => (await world.version('item-00000')) === '3');
    expect(await world.cache.count()).toBe(100);
    await world.client.configSet('maxmemory', '0');
    expect(await worker.reload()).toMatchObject({ loaded: 2_000 });
    expect(await world.version('item-00000')).toBe('3');
  });

  it('lets no first start pass', async () => {
    await leaveRoom(1_500_000);
    const worker = world.worker(new MemoryPrimary<Item>({ records: large(2_000) }));
    await expect(worker.start()).rejects.toMatchObject(noMemory);
    expect((await world.cache.get('item-00000')).outcome).toBe('not-loaded');
    expect(await world.cache.count()).toBe(0);
  });
});

describe('status()', () => {
  it('tells of how many rows a load has come how far', async () => {
    const seen: unknown[] = [];
    const worker = world.worker(new MemoryPrimary<Item>({ records: items(5_000) }));
    const starting = worker.start();
    await until(() => {
      const { loading } = worker.status();
      if (loading && 'total' in loading) seen.push(loading);
      return worker.status().state === 'following';
    });
    await starting;
    expect(world.told('load-progress').map(({ loaded, total }) => [loaded, total])).toEqual(
      [1_000, 2_000, 3_000, 4_000, 5_000].map((loaded) => [loaded, 5_000]),
    );
    expect(seen).toContainEqual({ loaded: expect.any(Number) as number, refused: 0, total: 5_000 });
  });
});
