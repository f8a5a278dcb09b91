import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, versionsIn } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

afterEach(() => world.close());

/** Looks records up, some at a time, as long as the condition holds; gives how often each outcome came. */
async function outcomesWhile(
  ids: readonly string[],
  condition: () => boolean | Promise<boolean>,
  { cache } = world,
): Promise<Partial<Record<string, number>>> {
  const counts: Partial<Record<string, number>> = {};
  for (let from = 0; await condition(); from = from + 50 < ids.length ? from + 50 : 0) {
    const some = ids.slice(from, from + 50);
    const lookups = await Promise.all(some.map((id) => cache.get(id, { deadlineMs: 10_000 })));
    for (const { outcome } of lookups) counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

function forSeconds(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1_000;
  return () => performance.now() < end;
}

async function anythingIsLeft({ cache } = world): Promise<boolean> {
  return (await cache.count()) > 0 || (await cache.loadNote()) !== null;
}

const ids = items(1_500).map(({ id }) => id);

describe('records that nobody touches', () => {
  async function check(one: SyncWorld): Promise<void> {
    const primary = new MemoryPrimary<Item>({ records: items(ids.length) });
    const worker = await one.started(primary);
    const alive = await outcomesWhile(ids, forSeconds(6.5), one);
    expect(Object.keys(alive)).toEqual(['hit']);
    expect(await one.cache.loadNote()).toMatchObject({ records: ids.length });
    const sweeps = one.told('kept-alive');
    expect(sweeps.length).toBeGreaterThanOrEqual(6);
    expect(new Set(sweeps.map(({ records }) => records))).toEqual(new Set([ids.length]));
    expect(primary.reads).toBe(1);
    expect(one.told('worker-error')).toEqual([]);

    await worker.stop();
    const stoppedAt = performance.now();
    const dying = await outcomesWhile(ids, () => anythingIsLeft(one), one);
    expect(Object.keys(dying)).not.toContain('miss');
    expect((await one.cache.get(ids[0]!)).outcome).toBe('not-loaded');
    expect(performance.now() - stoppedAt).toBeLessThan(3_000);
    expect(one.told('kept-alive')).toHaveLength(sweeps.length);
  }

  it('outlive three TTLs while the worker runs, and are gone one TTL after it stops, in both layouts', async () => {
    world = await SyncWorld.open(redis, { layout: 'HASH', ttlSeconds: 2 });
    const other = await SyncWorld.open(redis, { layout: 'JSON', ttlSeconds: 2 });
    try {
      await Promise.all([check(world), check(other)]);
    } finally {
      await other.close();
    }
  });
});

describe('when the worker goes', () => {
  it.each(['stopped', 'cut off', 'stopped in the midst of a sweep', 'stopped after changes'])(
    '%s: no record is ever taken for one that does not exist',
    async (how) => {
      world = await SyncWorld.open(redis, { ttlSeconds: 1 });
      const primary = new MemoryPrimary<Item>({ records: items(ids.length) });
      const worker = await world.started(primary);
      if (how === 'stopped in the midst of a sweep') {
        await until(() => world.told('kept-alive').length > 0);
        const before = await world.cache.ttlRemaining(ids[0]!);
        await until(async () => ((await world.cache.ttlRemaining(ids[0]!)) ?? 0) > (before ?? 0));
      }
      if (how === 'stopped after changes') {
        for (const id of ids.slice(0, 300)) primary.update(id, { version: '2' });
        await until(async () => (await worker.lag())?.events === 0);
      }
      if (how === 'cut off') await world.cutConnections();
      await worker.stop();
      const outcomes = await outcomesWhile(ids, anythingIsLeft);
      expect(Object.keys(outcomes)).not.toContain('miss');
      expect((await world.cache.get(ids[0]!)).outcome).toBe('not-loaded');
    },
  );

  it('a record that was deleted is a miss as long as the dataset is loaded', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 1 });
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    await world.started(primary);
    primary.delete('item-00003');
    await until(async () => (await world.cache.get('item-00003')).outcome === 'miss');
    const outcomes = await outcomesWhile(['item-00003'], forSeconds(2.5));
    expect(Object.keys(outcomes)).toEqual(['miss']);
  });
});

describe('a worker that starts', () => {
  it('keeps alive what an earlier one left with little time to live', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 2 });
    const primary = new MemoryPrimary<Item>({ records: items(ids.length) });
    await (await world.started(primary)).stop();
    await until(async () => ((await world.cache.ttlRemaining(ids[0]!)) ?? 0) < 0.5);
    await world.started(primary);
    const outcomes = await outcomesWhile(ids, forSeconds(3));
    expect(Object.keys(outcomes)).toEqual(['hit']);
    expect(primary.reads).toBe(1);
  });

  it('never ends up with an expired dataset, however little time was left', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 1 });
    const primary = new MemoryPrimary<Item>({ records: items(200) });
    for (const leftMs of [40, 10, 3, 1]) {
      await (await world.started(primary)).stop();
      const { loadNote } = world.cache.dataset.keys;
      await until(async () => (await world.client.pTTL(loadNote)) <= leftMs);
      const worker = await world.started(primary);
      const outcomes = await outcomesWhile(ids.slice(0, 200), forSeconds(0.2));
      expect(Object.keys(outcomes)).toEqual(['hit']);
      await worker.stop();
    }
  });

  it('loads again when everything has expired', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 1 });
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    await (await world.started(primary)).stop();
    await until(async () => (await world.cache.loadNote()) === null);
    await world.started(primary);
    expect(primary.reads).toBe(2);
    expect((await world.cache.get('item-00000')).outcome).toBe('hit');
  });
});

describe('keeping alive', () => {
  it('goes on through broken connections, and says when it could not', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 2 });
    const primary = new MemoryPrimary<Item>({ records: items(ids.length) });
    const worker = await world.started(primary);
    let cutAt = performance.now();
    const isGoingOn = forSeconds(5);
    const outcomes = await outcomesWhile(ids, async () => {
      if (performance.now() - cutAt > 150) {
        await world.cutConnections();
        cutAt = performance.now();
      }
      return isGoingOn();
    });
    expect(world.told('worker-error').length).toBeGreaterThan(5);
    expect(Object.keys(outcomes)).toEqual(['hit']);
    await until(() => worker.status().state === 'following');
    expect(worker.status().error).toBeNull();
    expect(primary.reads).toBe(1);
  });

  it('does not prolong the load note when Redis is set back in the midst of a sweep', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 2 });
    const { loadNote, sweep } = world.cache.dataset.keys;
    const notes: number[] = [];
    const cache = world.through(async (words, send) => {
      if (!words.includes('EXPIRE') || !words.includes(sweep) || notes.length === 2) return send();
      notes.push(await world.client.pExpireTime(loadNote));
      if (notes.length === 2) await world.client.del(sweep); // as it was before the first page
      return send();
    });
    await world.started(new MemoryPrimary<Item>({ records: items(ids.length) }), { cache });
    const [told] = await until(() => world.told('worker-error').length > 0 && world.told('worker-error'));
    expect(told).toMatchObject({ error: { code: 'ERR_PREFETCH_STATE_LOST' } });
    expect(world.told('kept-alive')).toEqual([]);
    expect(notes[1]).toBe(notes[0]);
    await until(() => world.told('kept-alive').length > 0);
    expect(await world.client.pExpireTime(loadNote)).toBeGreaterThan(notes[0]!);
  });

  it('does not stop while the worker is paused', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 1 });
    const worker = await world.started(new MemoryPrimary<Item>({ records: items(50) }));
    await worker.pause();
    const outcomes = await outcomesWhile(ids.slice(0, 50), forSeconds(2.5));
    expect(Object.keys(outcomes)).toEqual(['hit']);
  });

  it('brings nothing back that is deleted meanwhile', async () => {
    world = await SyncWorld.open(redis, { ttlSeconds: 1 });
    const primary = new MemoryPrimary<Item>({ records: items(ids.length) });
    const worker = await world.started(primary);
    for (const id of ids.slice(1)) {
      primary.delete(id);
      if (id.endsWith('00')) await world.client.ping();
    }
    primary.add(item('new'));
    await until(async () => (await worker.lag())?.events === 0);
    await until(() => world.told('kept-alive').some(({ records }) => records === 2));
    expect(await versionsIn(world.cache)).toEqual({ [ids[0]!]: '1', new: '1' });
  });
});
