import type { JournalEntry } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, layouts } from '../support/item.js';
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

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

const told = ({ cause, upserts, deletes }: JournalEntry) => [cause, upserts.join(' '), deletes.join(' ')];

async function journal(): Promise<readonly JournalEntry[]> {
  return (await world.cache.journal({ limit: 10_000 })).entries;
}

describe.each(layouts)('the journal in the layout %s', (layout) => {
  it('has what was written, in order, with cause, position and writer', async () => {
    await world.close();
    world = await SyncWorld.open(redis, { layout });
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { name: 'worker-1', maxShrink: 1 });
    (await source.snapshot()).answer('10').rows(item('a'), item('b'), item('c')).end();
    const worker = await starting;
    source.send(
      11,
      { op: 'upsert', id: 'a', record: item('a', 11) },
      { op: 'delete', id: 'b' },
      { op: 'upsert', id: 'd', record: item('d', 11) },
      { op: 'delete', id: 'd' },
      { op: 'upsert', id: 'e', record: { ...item('e'), name: [] as never } },
    );
    source.send(12); // moves the position and writes no record
    source.send(13, { op: 'truncate' }, { op: 'upsert', id: 'f', record: item('f', 13) });
    await until(async () => (await world.checkpoint()) === '13');
    const reloading = worker.reload();
    (await source.snapshot(2)).answer('20').rows(item('g', 20)).end();
    await reloading;
    await world.client.del(world.cache.dataset.keys.record('g'));
    const reconciling = worker.reconcile({ repair: true });
    (await source.snapshot(3)).answer('20').rows(item('g', 20)).end();
    await reconciling;
    await worker.stop();
    await world.cache.applyChange({ op: 'upsert', id: 'h', record: item('h') });
    await world.cache.invalidate('h');
    await world.cache.bulkLoad([item('i')]);
    await world.cache.clear();

    const entries = await journal();
    const removedAll = entries.findIndex(({ position, deletes }) => position === '13' && deletes.length > 0);
    expect([...entries[removedAll]!.deletes].sort()).toEqual(['a', 'c']);
    expect(entries.filter((_, i) => i !== removedAll).map(told)).toEqual([
      ['prefetch', 'a b c', ''],
      ['change', 'a', 'b d'],
      ['change', 'f', ''],
      ['reload', 'g', ''],
      ['reload', '', 'f'],
      ['repair', 'g', ''],
      ['apply', 'h', ''],
      ['invalidate', '', 'h'],
      ['bulk-load', 'i', ''],
      ['clear', '', expect.stringMatching(/^(g i|i g)$/)],
    ]);
    expect(entries.slice(0, 2)).toMatchObject([
      { by: 'worker-1', position: null },
      { by: 'worker-1', position: '11' },
    ]);
    expect(entries.at(-1)?.by).toContain(`:${process.pid}`);
    for (const { at } of entries) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(30_000);
  });
});

it('has every batch once, though connections break and commands are sent again', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(5) });
  await world.started(primary, { maxBatch: 3, takeoverMs: 400 });
  for (let n = 1; n <= 300; n++) {
    primary.update(`item-0000${n % 5}`, { version: String(n) });
    if (n % 40 === 0) {
      await until(async () => (await journal()).length > n / 20);
      await world.cutConnections();
    }
  }
  await until(async () => (await world.version('item-00000')) === '300');
  await until(async () => (await world.version('item-00004')) === '299');
  const positions = (await journal()).map(({ position }) => position).filter((position) => position !== null);
  expect(new Set(positions).size).toBe(positions.length);
});

describe('who follows the journal', () => {
  it('reads on after the last entry it knows', async () => {
    for (let n = 1; n <= 5; n++) {
      await world.cache.applyChange({ op: 'upsert', id: `item-${n}`, record: item(`item-${n}`) });
    }
    const first = await world.cache.journal({ limit: 2 });
    expect(first).toMatchObject({ gap: false, entries: [{ upserts: ['item-1'] }, { upserts: ['item-2'] }] });
    const next = await world.cache.journal({ after: first.entries[1]!.id, limit: 2 });
    expect(next).toMatchObject({ gap: false, entries: [{ upserts: ['item-3'] }, { upserts: ['item-4'] }] });
    const last = await world.cache.journal({ after: next.entries[1]!.id });
    expect(last.entries.map(({ upserts }) => upserts)).toEqual([['item-5']]);
    await expect(world.cache.journal({ after: last.entries[0]!.id })).resolves.toEqual({
      entries: [],
      gap: false,
    });
  });

  it('is told of a gap when what it knows was forgotten, or never was', async () => {
    await world.cache.applyChange({ op: 'upsert', id: 'a', record: item('a') });
    const [known] = await journal();
    await world.client.del(world.cache.dataset.keys.journal);
    await expect(world.cache.journal({ after: known!.id })).resolves.toEqual({ entries: [], gap: true });
    await world.cache.applyChange({ op: 'upsert', id: 'b', record: item('b') });
    await expect(world.cache.journal({ after: known!.id })).resolves.toMatchObject({
      entries: [{ upserts: ['b'] }],
      gap: true,
    });
  });

  it('finds the latest entries only: the journal is capped', async () => {
    const { keys } = world.cache.dataset;
    for (let n = 0; n < 2_500; n++) {
      void world.cache.applyChange({ op: 'delete', id: `item-${n}` });
    }
    await until(async () => (await journal()).at(-1)?.deletes[0] === 'item-2499');
    expect(await world.client.xLen(keys.journal)).toBeLessThan(2_300);
    expect(await world.client.ttl(keys.journal)).toBeGreaterThan(500);
  });
});

describe('explain()', () => {
  it('tells what happened to a record, the latest first', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(2) });
    await world.started(primary, { name: 'worker-1' });
    primary.update('item-00000', { version: '2' });
    await until(async () => (await world.version('item-00000')) === '2');
    await world.cache.invalidate('item-00000');
    const explanation = await world.cache.explain('item-00000');
    expect(explanation).toMatchObject({
      id: 'item-00000',
      isPresent: false,
      ttlSeconds: null,
      loadedAt: expect.any(String) as string,
      deadLetters: [],
      changes: [
        { cause: 'invalidate', operation: 'delete' },
        {
          cause: 'change',
          operation: 'upsert',
          by: 'worker-1',
          position: expect.stringMatching(/\/1$/) as string,
        },
        { cause: 'prefetch', operation: 'upsert', by: 'worker-1' },
      ],
    });
    const other = await world.cache.explain('item-00001');
    expect(other).toMatchObject({ isPresent: true, changes: [{ cause: 'prefetch' }] });
    expect(other.ttlSeconds).toBeGreaterThan(500);
  });

  it('tells of changes that could not be applied, and of a record that nobody knows', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(1) });
    await world.started(primary);
    primary.update('item-00000', { version: {} as never });
    await until(async () => (await world.cache.explain('item-00000')).deadLetters.length === 1);
    expect(await world.cache.explain('other')).toMatchObject({
      isPresent: false,
      changes: [],
      deadLetters: [],
    });
  });
});
