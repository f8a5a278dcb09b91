import { Schema } from 'redis-om';
import { PrefetchCache, SyncWorker } from '../../src/index.js';
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

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

/** Looks records up, many at a time, until told to stop; gives the outcomes other than hits and how many there were. */
function hammer(ids: readonly string[]) {
  const bad: string[] = [];
  let lookups = 0;
  let isOver = false;
  const oneAfterAnother = async (first: number) => {
    for (let i = first; !isOver; i += 7) {
      const id = ids[i % ids.length]!;
      const { outcome } = await world.cache.get(id, { deadlineMs: 10_000 });
      lookups++;
      if (outcome !== 'hit') bad.push(`${id}: ${outcome}`);
    }
  };
  const running = Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(oneAfterAnother));
  return async () => {
    isOver = true;
    await running;
    return { bad, lookups };
  };
}

async function loaded(source: ScriptedSource<Item>, ...rows: Item[]): Promise<SyncWorker<Item>> {
  const starting = world.started(source, { maxShrink: 1 });
  (await source.snapshot(source.snapshots.length + 1))
    .answer('10')
    .rows(...rows)
    .end();
  return starting;
}

describe.each(layouts)('reload() of thousands, %s layout', (layout) => {
  it('never makes a present record a miss, nor an older one, while changes go on', async () => {
    await world.close();
    world = await SyncWorld.open(redis, { layout });
    const primary = new MemoryPrimary<Item>({ records: items(3_000, 0) });
    const worker = await world.started(primary);
    const ids = items(3_000).map(({ id }) => id);
    const newest = new Map<string, number>();
    let backwards = 0;
    let isOver = false;
    const watched = ids.slice(0, 50);
    const watch = async () => {
      while (!isOver) {
        const found = await world.cache.getMany(watched, { deadlineMs: 10_000 });
        if (found.outcome !== 'hit') throw new Error(found.outcome);
        for (const { id, version } of found.records) {
          if (Number(version) < (newest.get(id) ?? 0)) backwards++;
          newest.set(id, Number(version));
        }
      }
    };
    const watching = watch();
    const stopHammering = hammer(ids);
    let version = 0;
    const writing = setInterval(() => {
      for (let n = 0; n < 20; n++) primary.update(ids[version % 100]!, { version: String(++version) });
    }, 2);
    for (let round = 0; round < 10; round++) {
      expect(await worker.reload()).toMatchObject({ refused: 0, removed: 0 });
    }
    clearInterval(writing);
    const { bad, lookups } = await stopHammering();
    isOver = true;
    await watching;
    expect(bad).toEqual([]);
    expect(backwards).toBe(0);
    expect(lookups).toBeGreaterThan(1_000);
    await until(async () => (await worker.lag())?.events === 0);
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
  });
});

describe('reload()', () => {
  it('reports and tells what it did, and removes what the primary no longer has', async () => {
    const source = new ScriptedSource<Item>();
    const worker = await loaded(source, ...items(5));
    const reloading = worker.reload();
    const snapshot = (await source.snapshot(2)).answer('20');
    snapshot.rows(item('item-00000', 2), item('item-00001', 2)).rows().rows(item('new', 2));
    snapshot.rows({ ...item('refused'), name: { not: 'text' } as never }).end();
    const report = await reloading;
    expect(report).toEqual({
      loaded: 3,
      refused: 1,
      refusals: [{ subject: expect.objectContaining({ id: 'refused' }), reason: expect.any(String) }],
      removed: 3,
      elapsedMs: expect.any(Number),
    });
    expect(await versionsIn(world.cache)).toEqual({ 'item-00000': '2', 'item-00001': '2', new: '2' });
    const { loaded: rows, refused, removed, elapsedMs } = report;
    expect(world.told('loaded').at(-1)).toMatchObject({ loaded: rows, refused, removed, elapsedMs });
    expect(snapshot.isClosed).toBe(true);
    expect(await world.checkpoint()).toBe('20');
    expect(await world.isMarked()).toBe(false);
  });

  it('lists the first 100 refused records, counts all, and leaves their old state readable', async () => {
    const source = new ScriptedSource<Item>();
    const worker = await loaded(source, item('item-00000'));
    const reloading = worker.reload();
    const snapshot = (await source.snapshot(2)).answer('20');
    const unfit = items(210).map((row) => ({ ...row, name: { not: 'text' } as never }));
    for (let page = 0; page < 3; page++) snapshot.rows(...unfit.slice(page * 70, page * 70 + 70));
    snapshot.rows(null as never, { id: 5 } as never, item('good')).end();
    const report = await reloading;
    expect(report).toMatchObject({ loaded: 1, refused: 212 });
    expect(report.refusals).toHaveLength(100);
    expect(await versionsIn(world.cache)).toEqual({ 'item-00000': '1', good: '1' });
  });

  it('called twice at once is one reload', async () => {
    const source = new ScriptedSource<Item>();
    const worker = await loaded(source, item('a'));
    const reloads = [worker.reload(), worker.reload()];
    (await source.snapshot(2)).answer('20').rows(item('a', 2));
    reloads.push(worker.reload());
    source.snapshots[1]?.end();
    const [first, ...others] = await Promise.all(reloads);
    expect(others).toEqual([first, first]);
    expect(source.snapshots).toHaveLength(2);
    expect(world.told('loaded')).toHaveLength(2);

    const later = worker.reload();
    (await source.snapshot(3)).answer('30').rows(item('a', 3)).end();
    expect(await later).not.toBe(first);
    expect(await world.version('a')).toBe('3');
  });

  describe('that fails', () => {
    const boom = {
      code: 'ERR_PREFETCH_SOURCE',
      cause: expect.objectContaining({ message: 'boom' }) as object,
    };
    const upsert = (version: number) =>
      ({ op: 'upsert', id: 'item-00001', record: item('item-00001', version) }) as const;
    let source: ScriptedSource<Item>;
    let worker: SyncWorker<Item>;

    beforeEach(async () => {
      source = new ScriptedSource<Item>();
      source.onResume = (checkpoint) => ({ from: checkpoint ?? '0' });
      worker = await loaded(source, ...items(3));
    });

    async function failBetweenRows(): Promise<void> {
      const reloading = expect(worker.reload()).rejects.toMatchObject(boom);
      const snapshot = (await source.snapshot(2)).answer('20').rows(item('item-00000', 20));
      await until(() => snapshot.isHungry);
      snapshot.fail(new Error('boom'));
      await reloading;
      expect(Object.keys(await versionsIn(world.cache))).toEqual(items(3).map(({ id }) => id));
      expect(worker.status()).toMatchObject({ state: 'following', loading: null, position: '10' });
      expect(await world.isMarked()).toBe(true);
    }

    async function apply(version: number): Promise<void> {
      source.send(version, upsert(version));
      await until(async () => (await world.version('item-00001')) === String(version));
    }

    it('before its first row leaves everything as it was, and the next start resumes', async () => {
      const reloading = expect(worker.reload()).rejects.toMatchObject(boom);
      (await source.snapshot(2)).refuse(new Error('boom'));
      await reloading;
      expect(Object.keys(await versionsIn(world.cache))).toEqual(items(3).map(({ id }) => id));
      expect(worker.status()).toMatchObject({ state: 'following', loading: null, position: '10' });
      await until(async () => !(await world.isMarked()));
      await apply(25);
      await worker.stop();
      await world.started(source);
      expect(source.resumedAt.at(-1)).toBe('25');
      expect(source.snapshots).toHaveLength(2);
    });

    it('between rows leaves the old records, and the next start loads again', async () => {
      await failBetweenRows();
      await apply(15); // the rows that are in are newer
      expect(await world.isMarked()).toBe(true);
      await worker.stop();

      const starting = world.started(source, { maxShrink: 1 });
      (await source.snapshot(3)).answer('30').rows(item('item-00000', 30)).end();
      await starting;
      expect(await versionsIn(world.cache)).toEqual({ 'item-00000': '30' });
      expect(await world.checkpoint()).toBe('30');
      expect(await world.isMarked()).toBe(false);
    });

    it('between rows is history when changes have come past them, and the next start resumes', async () => {
      await failBetweenRows();
      await apply(25);
      await until(async () => !(await world.isMarked()));
      await worker.stop();
      await world.started(source);
      expect(source.resumedAt.at(-1)).toBe('25');
      expect(source.snapshots).toHaveLength(2);
    });
  });

  it('that failed can be tried again at once', async () => {
    const source = new ScriptedSource<Item>();
    const worker = await loaded(source, ...items(3));
    const failing = worker.reload();
    (await source.snapshot(2)).refuse(new Error('boom'));
    await expect(failing).rejects.toThrow('boom');
    const reloading = worker.reload();
    (await source.snapshot(3)).answer('30').rows(item('item-00000', 3)).end();
    expect(await reloading).toMatchObject({ loaded: 1, removed: 2 });
    expect(await world.isMarked()).toBe(false);
  });

  it('loads again after clear(), asked or not', async () => {
    const source = new ScriptedSource<Item>();
    const worker = await loaded(source, item('a'));
    await world.cache.clear();
    const healing = await source.snapshot(2);
    expect((await world.cache.get('a')).outcome).toBe('not-loaded');
    const reloading = worker.reload(); // it is the one that the worker has begun by itself
    healing.answer('20').rows(item('a', 2)).end();
    expect(await reloading).toMatchObject({ loaded: 1, removed: 0 });
    expect(await world.version('a')).toBe('2');
    expect((await world.cache.get('b')).outcome).toBe('miss');
    expect(source.snapshots).toHaveLength(2);
  });

  it('is refused by a worker that does not run yet', async () => {
    const worker = world.worker(new ScriptedSource<Item>());
    await expect(worker.reload()).rejects.toMatchObject({ code: 'ERR_PREFETCH_WORKER_STATE' });
  });
});

describe('start()', () => {
  it('resumes at the checkpoint without reading the primary when the dataset is loaded', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    await (await world.started(primary)).stop();
    primary.update('item-00000', { version: '2' });
    primary.resetReads();
    await world.started(primary);
    await until(async () => (await world.version('item-00000')) === '2');
    expect(primary.reads).toBe(0);
    expect(world.told('loaded')).toHaveLength(1);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the load note is gone', () => world.client.del(world.cache.dataset.keys.loadNote)],
    ['the checkpoint is gone', () => world.client.del(world.cache.dataset.keys.checkpoint)],
    ['a reload was not finished', () => world.client.set(world.cache.dataset.keys.reloadMark, 'x')],
    [
      'the checkpoint is of another primary',
      () => world.client.set(world.cache.dataset.keys.checkpoint, 'x/1'),
    ],
    ['everything was cleared', () => world.cache.clear()],
  ])('loads again when %s', async (_, spoil) => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    await (await world.started(primary)).stop();
    await spoil();
    primary.delete('item-00001');
    primary.resetReads();
    await world.started(primary);
    expect(primary.reads).toBe(1);
    expect(Object.keys(await versionsIn(world.cache))).toEqual(['item-00000', 'item-00002']);
    expect(await world.cache.loadNote()).toMatchObject({ from: 'memory' });
    expect(await world.isMarked()).toBe(false);
  });

  it('loads again when the layout has changed', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    await (await world.started(primary)).stop();
    const text = { type: 'string' } as const;
    const fields = { id: text, name: text, version: text, colour: text };
    const schema = new Schema<Item>(world.cache.name, fields, { dataStructure: 'HASH' });
    const cache = new PrefetchCache({ client: world.client, schema });
    primary.resetReads();
    const worker = new SyncWorker({ cache, source: primary });
    await worker.start();
    expect(primary.reads).toBe(1);
    await worker.stop();
    const again = new SyncWorker({ cache, source: primary });
    await again.start();
    expect(primary.reads).toBe(1);
    await again.stop();
  });

  it('applies what a lagging feed still brings while it loads again', async () => {
    const source = new ScriptedSource<Item>();
    await (await loaded(source, item('a'), item('b'))).stop();
    await world.client.del(world.cache.dataset.keys.loadNote);
    const starting = world.started(source);
    const snapshot = (await source.snapshot(2)).answer('20').rows(item('a', 20));
    await until(() => snapshot.isHungry);
    source.send(15, { op: 'upsert', id: 'a', record: item('a', 15) });
    source.send(21, { op: 'upsert', id: 'c', record: item('c', 21) });
    await until(() => source.acknowledged.includes('21'));
    snapshot.end();
    await starting;
    expect(await versionsIn(world.cache)).toEqual({ a: '20', c: '21' });
    expect(await world.checkpoint()).toBe('21');
  });
});
