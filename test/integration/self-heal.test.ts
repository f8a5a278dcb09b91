import { SyncOperator, type SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { RedisStreamSource } from '../../src/sources/redis-stream/index.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { RedisPrimary } from '../support/redis-primary.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

/** The keep-alive sweep would find most of this after 200 s. */
const ttlSeconds = 600;
const soonMs = 3_000;

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis, { ttlSeconds });
});

afterEach(() => world.close());

const causes = () => world.told('load-begun').map(({ cause }) => cause);

async function isWhole(primary: MemoryPrimary<Item>, withinMs = soonMs): Promise<void> {
  const expected = JSON.stringify(versionsOf(await primary.list()));
  await until(async () => (await world.cache.get('other')).outcome === 'miss', withinMs);
  expect(JSON.stringify(await versionsIn(world.cache))).toBe(expected);
}

/** The worker has heard that they are in. Before that, an older Redis would be just one that never got them. */
async function appliedAndKnown(changes: number): Promise<void> {
  await until(() => world.told('applied').flatMap((event) => event.changes).length === changes);
}

/** Nothing but hits and honest 503s is seen of a record that the primary has. */
function watch(id: string) {
  const outcomes = new Set<string>();
  let isWatching = true;
  const isWanted = () => isWatching;
  const watching = (async () => {
    while (isWanted()) outcomes.add((await world.cache.get(id)).outcome);
  })();
  return async () => {
    isWatching = false;
    await watching;
    return [...outcomes].sort();
  };
}

describe.each(layouts)('in the layout %s, an idle worker notices', (layout) => {
  beforeEach(async () => {
    await world.close();
    world = await SyncWorld.open(redis, { ttlSeconds, layout });
  });

  it('that everything was flushed, and loads again at once', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(300) });
    await world.started(primary);
    const seen = watch('item-00000');
    await redis.flush();
    await isWhole(primary);
    expect(await seen()).not.toContain('miss');
    expect(causes()).toEqual(['prefetch', 'prefetch']);
    expect(world.states().at(-1)).toBe('following');
  });

  it('that Redis came back empty', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(300) });
    await world.started(primary);
    const seen = watch('item-00000');
    await redis.restart();
    await until(async () => (await world.cache.get('item-00000')).outcome === 'hit', 10_000);
    await isWhole(primary);
    expect(await seen()).not.toContain('miss');
  });

  it('that Redis came back as it was before', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    await world.started(primary);
    const older = await redis.copy();
    primary.update('item-00000', { version: '2' });
    primary.delete('item-00001');
    await appliedAndKnown(2);
    await redis.restart(older);
    await until(async () => (await world.version('item-00000')) === '2', 10_000);
    await isWhole(primary);
    expect(world.told('worker-error').map(({ error }) => error.code)).toContain('ERR_PREFETCH_STATE_LOST');
  });

  it('that the dataset was cleared', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(300) });
    await world.started(primary);
    await world.cache.clear();
    await isWhole(primary);
    expect(causes()).toEqual(['prefetch', 'reload']);
  });
});

it('what Redis lost of a durable feed is read again, from the older checkpoint', async () => {
  const client = await redis.client();
  const feedRedis = await startTestRedis({ private: true });
  try {
    const primary = new RedisPrimary(await feedRedis.client(), world.cache.name);
    await primary.upsert(...items(3));
    const worker = await world.started(new RedisStreamSource({ ...primary.sourceOptions, trim: false }));
    const older = await redis.copy();
    await primary.upsert(item('item-00000', 2));
    await appliedAndKnown(1);
    await redis.restart(older);
    await until(async () => (await world.version('item-00000')) === '2', 10_000);
    expect(worker.status().lastLoad).toBeNull(); // of this term: it went on at the checkpoint
    expect(causes()).toEqual(['prefetch']);
  } finally {
    client.destroy();
    await feedRedis.stop();
  }
});

it('a change that comes after a loss is not taken for the whole', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(20) });
  await world.started(primary);
  await redis.flush();
  primary.update('item-00000', { version: '2' }); // before the worker has noticed, or after
  await isWhole(primary);
});

it('a flush in the midst of a reload begins it again', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(5_000) });
  const worker = await world.started(primary);
  const reloading = worker.reload().catch((error: unknown) => error);
  await until(() => worker.status().loading?.loaded);
  await redis.flush();
  await isWhole(primary);
  await reloading;
});

it('a load that is refused is tried again later, and following goes on', async () => {
  const source = new ScriptedSource<Item>();
  const starting = world.started(source);
  (await source.snapshot())
    .answer('10')
    .rows(...items(4))
    .end();
  const worker = await starting;
  await world.client.del(world.cache.dataset.keys.loadNote);
  (await source.snapshot(2)).answer('20').end(); // empty
  await until(() => world.told('worker-error').length > 0);
  expect(world.told('worker-error')[0]?.error.code).toBe('ERR_PREFETCH_RELOAD_REFUSED');
  source.send(21, { op: 'upsert', id: 'item-00000', record: item('item-00000', 21) });
  await until(async () => (await world.version('item-00000')) === '21');
  expect((await world.cache.get('other')).outcome).toBe('not-loaded');
  (await source.snapshot(3))
    .answer('30')
    .rows(...items(4, 30))
    .end();
  await until(async () => (await world.cache.get('other')).outcome === 'miss');
  expect(worker.status().state).toBe('following');
});

it('a paused worker does not load, and does when it is resumed', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(5) });
  const worker = await world.started(primary, { takeoverMs: 400 });
  await worker.pause();
  await world.cache.clear();
  // Its beat has seen it: the lease is kept alive meanwhile.
  const { lease } = world.cache.dataset.keys;
  await until(async () => (await world.client.pTTL(lease)) < 310);
  await until(async () => (await world.client.pTTL(lease)) > 310);
  expect((await world.cache.get('item-00000')).outcome).toBe('not-loaded');
  worker.resume();
  await isWhole(primary);
});

it('clear() that takes long, beside a worker that loads again, takes nothing from that load', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(20_000) });
  await world.started(primary, { takeoverMs: 1_000 });
  const slow = world.through(async ([name], send) => {
    const reply = await send();
    if (name === 'SCAN') await world.client.ping();
    return reply;
  });
  await slow.clear();
  await isWhole(primary, 20_000);
});

it('a reload that was refused is history once changes have come as far as its rows', async () => {
  const source = new ScriptedSource<Item>();
  const starting = world.started(source);
  (await source.snapshot())
    .answer('10')
    .rows(...items(4))
    .end();
  const worker = await starting;
  const reloading = worker.reload();
  (await source.snapshot(2)).answer('20').rows(item('item-00000', 20)).end();
  await expect(reloading).rejects.toMatchObject({ code: 'ERR_PREFETCH_RELOAD_REFUSED' });
  expect(await world.isMarked()).toBe(true); // a crash now must load again: rows are newer than the checkpoint
  source.send(20, { op: 'upsert', id: 'item-00000', record: item('item-00000', 20) });
  await until(async () => !(await world.isMarked()));
  source.failFeed(new Error('The primary hiccups.'));
  await until(() => source.resumedAt.length === 2);
  await until(() => worker.status().state === 'following');
  expect(source.resumedAt).toEqual([null, '20']);
  expect(source.snapshots).toHaveLength(2);
  source.send(21, { op: 'delete', id: 'item-00003' });
  await until(async () => (await world.cache.get('item-00003')).outcome === 'miss');
});

it('readers are not told that a dataset is kept current while nothing can be written', async () => {
  const primary = new MemoryPrimary<Item>({ records: items(4) });
  const worker = await world.started(primary, { takeoverMs: 400 });
  await world.client.configSet('maxmemory', '1');
  try {
    primary.update('item-00000', { version: '2' });
    await until(() => worker.status().state === 'retrying');
    const states = new Set<string>();
    await until(async () => {
      states.add(worker.status().state);
      return (await world.cache.staleness()) > 1_000;
    });
    expect([...states]).toEqual(['retrying']);
  } finally {
    await world.client.configSet('maxmemory', '0');
  }
  await until(async () => (await world.version('item-00000')) === '2');
  await until(async () => (await world.cache.staleness()) < 400);
});

it('a load that is refused at the begin of a term does not keep an operator from forcing it', async () => {
  const source = new ScriptedSource<Item>();
  const starting = world.started(source, { takeoverMs: 400 });
  (await source.snapshot())
    .answer('10')
    .rows(...items(4))
    .end();
  const worker = await starting;
  worker.reload().catch(() => undefined);
  const halfway = (await source.snapshot(2)).answer('20').rows(item('item-00000', 20));
  await until(() => halfway.isHungry);
  source.failFeed(new Error('The primary hiccups, and is empty from then on.'));
  (await source.snapshot(3)).answer('30').end();
  await until(() => worker.status().error?.code === 'ERR_PREFETCH_RELOAD_REFUSED');
  expect(worker.status().state).toBe('retrying');
  expect(Object.keys(await versionsIn(world.cache))).toHaveLength(4);
  const forced = new SyncOperator({ cache: world.cache }).reload({ force: true });
  let asked = 4;
  const answering = until(() => {
    if (source.snapshots.length >= asked) source.snapshots[asked++ - 1]!.answer('30').end();
    return worker.status().state === 'following';
  });
  await expect(forced).resolves.toMatchObject({ loaded: 0, removed: 4 });
  await answering;
  expect((await world.cache.get('item-00000')).outcome).toBe('miss');
  expect(worker.status().error).toBeNull();
});

describe('a source that fails', () => {
  it('is opened again with pauses, and followed from the checkpoint', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('10').rows(item('a')).end();
    const worker = await starting;
    let failures = 0;
    source.onOpen = () => {
      if (++failures < 3) throw new Error('The primary is away.');
    };
    source.failFeed(new Error('The primary went away.'));
    await until(() => worker.status().state === 'retrying');
    expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    await until(() => worker.status().state === 'following', 10_000);
    expect(worker.status().error).toBeNull();
    expect(source.resumedAt).toEqual([null, '10']);
    source.send(11, { op: 'upsert', id: 'a', record: item('a', 11) });
    await until(async () => (await world.version('a')) === '11');
    expect(source.snapshots).toHaveLength(1);
  });

  it('does not let the records expire meanwhile', async () => {
    await world.close();
    world = await SyncWorld.open(redis, { ttlSeconds: 2 });
    const source = new ScriptedSource<Item>();
    const starting = world.started(source, { takeoverMs: 400 });
    (await source.snapshot()).answer('10').rows(item('a')).end();
    const worker = await starting;
    source.onOpen = () => {
      throw new Error('The primary is away.');
    };
    source.failFeed(new Error('The primary went away.'));
    await until(() => worker.status().state === 'retrying');
    const awayUntil = performance.now() + 5_000;
    while (performance.now() < awayUntil) {
      expect((await world.cache.get('a')).outcome).toBe('hit');
      expect((await world.cache.get('b')).outcome).toBe('miss');
    }
    expect(await world.cache.staleness()).toBeGreaterThan(1_000); // and it is told how old this is
    await worker.stop();
    await until(async () => (await world.cache.get('a')).outcome === 'not-loaded');
  }, 20_000);

  it.each<[string, (worker: SyncWorker<Item>, source: ScriptedSource<Item>) => Promise<void>]>([
    [
      'while a reload runs',
      async (worker, source) => {
        worker.reload().catch(() => undefined);
        const snapshot = (await source.snapshot(2)).answer('20').rows(item('a', 20));
        await until(() => snapshot.isHungry);
      },
    ],
    ['while the worker is paused', (worker) => worker.pause()],
  ])(
    '%s does not let the records expire either',
    async (_, prepare) => {
      await world.close();
      world = await SyncWorld.open(redis, { ttlSeconds: 2 });
      const source = new ScriptedSource<Item>();
      const starting = world.started(source, { takeoverMs: 400 });
      (await source.snapshot()).answer('10').rows(item('a')).end();
      const worker = await starting;
      await prepare(worker, source);
      source.onOpen = () => {
        throw new Error('The primary is away.');
      };
      source.failFeed(new Error('The primary went away.'));
      const awayUntil = performance.now() + 5_000;
      while (performance.now() < awayUntil) expect((await world.cache.get('a')).outcome).toBe('hit');
    },
    20_000,
  );

  it('lets another worker try meanwhile', async () => {
    const broken = new ScriptedSource<Item>();
    const starting = world.started(broken, { takeoverMs: 400, name: 'broken' });
    (await broken.snapshot()).answer('10').rows(item('a')).end();
    const first = await starting;
    const sound = new ScriptedSource<Item>();
    const second = await world.started(sound, { takeoverMs: 400, name: 'sound' });
    expect(second.status().state).toBe('standby');
    broken.onOpen = () => {
      throw new Error('The primary is away.');
    };
    broken.failFeed(new Error('The primary went away.'));
    await until(() => second.status().state === 'following');
    sound.send(11, { op: 'upsert', id: 'a', record: item('a', 11) });
    await until(async () => (await world.version('a')) === '11');
    await until(() => first.status().state === 'standby', 10_000);
  });
});
