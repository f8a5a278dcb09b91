import { createClient } from 'redis';
import { PrefetchCache, type RedisClient, type SyncWorker, SyncWorker as Worker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  redis = await startTestRedis({ private: true });
});

afterAll(async () => {
  await redis.stop();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

/** Writes changes all the time until told to stop. */
function busy(primary: MemoryPrimary<Item>) {
  let n = 0;
  const writing = setInterval(() => {
    for (let i = 0; i < 5; i++) primary.update(`item-0000${++n % 10}`, { version: String(n) });
  }, 1);
  return {
    /** Waits until so many more changes were written. */
    more: async (count: number) => {
      const before = n;
      await until(() => n - before >= count);
    },
    stop: () => {
      clearInterval(writing);
    },
  };
}

async function caughtUp(worker: SyncWorker<Item>, primary: MemoryPrimary<Item>): Promise<void> {
  await until(async () => (await worker.lag())?.events === 0, 20_000);
  expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
}

/** Every record's versions in the order in which they were told to be applied. */
function goesForward(): boolean {
  const positions = world.told('applied').map(({ position }) => Number(position?.split('/').at(-1)));
  return positions.every((position, i) => i === 0 || position > positions[i - 1]!);
}

describe('a source that fails', () => {
  let source: ScriptedSource<Item>;
  let worker: SyncWorker<Item>;

  beforeEach(async () => {
    source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('10').rows(item('a')).end();
    worker = await starting;
  });

  it.each<[string, () => void]>([
    [
      'breaks off its changes',
      () => {
        source.failFeed(new Error('boom'));
      },
    ],
    [
      'breaks off its changes without an error',
      () => {
        source.failFeed('boom');
      },
    ],
    [
      'ends its changes',
      () => {
        source.endFeed();
      },
    ],
    [
      'cannot acknowledge',
      () => {
        source.onAcknowledge = () => {
          throw new Error('boom');
        };
        source.send(11);
      },
    ],
    [
      'cannot compare positions',
      () => {
        source.onCompare = () => {
          throw new Error('boom');
        };
        source.send(11);
      },
    ],
  ])('because it %s is opened again, loudly, and followed from the checkpoint', async (_, script) => {
    source.send(11, { op: 'upsert', id: 'a', record: item('a', 11) });
    await until(() => source.acknowledged.includes('11'));
    script();
    await until(() => world.states().includes('retrying'));
    expect(await world.version('a')).toBe('11');
    Object.assign(source, { onAcknowledge: () => undefined, onCompare: () => undefined });

    await until(() => source.sessions === 2 && worker.status().state === 'following');
    expect(world.told('worker-error')).toMatchObject([
      { error: { code: 'ERR_PREFETCH_SOURCE', message: expect.stringMatching(/boom|ended/) } },
    ]);
    expect(world.states()).toEqual(['starting', 'following', 'retrying', 'following']);
    expect(worker.status().error).toBeNull();
    expect(source.sessionsClosed).toBe(1);
    expect(source.resumedAt).toEqual([null, await world.checkpoint()]);
    expect(source.snapshots).toHaveLength(1);
    source.send(13, { op: 'upsert', id: 'a', record: item('a', 13) });
    await until(async () => (await world.version('a')) === '13');
  });

  it('again and again is opened after ever longer pauses, until it can be followed', async () => {
    const openedAt: number[] = [];
    source.onOpen = () => {
      openedAt.push(performance.now());
      if (openedAt.length < 6) throw new Error(`boom ${openedAt.length}`);
    };
    source.failFeed(new Error('boom 0'));
    await until(() => openedAt.length === 3);
    await until(() => worker.status().error?.message.includes('boom 3'));
    expect(worker.status()).toMatchObject({ state: 'retrying', error: { code: 'ERR_PREFETCH_SOURCE' } });
    expect(await world.version('a')).toBe('1');
    const reloading = worker.reload(); // a wish that waits for whoever writes next

    await until(() => worker.status().state === 'following');
    expect(world.states()).toEqual(['starting', 'following', 'retrying', 'following']);
    expect(world.told('worker-error').map(({ error }) => /boom \d/.exec(error.message)?.[0])).toEqual(
      Array.from({ length: 6 }, (_, n) => `boom ${n}`),
    );
    const pauses = openedAt.slice(1).map((at, i) => at - openedAt[i]!);
    expect(pauses[4]).toBeGreaterThan(2 * pauses[0]!);
    (await source.snapshot(2)).answer('20').rows(item('a', 20)).end();
    expect(await reloading).toMatchObject({ loaded: 1 });
    expect(await world.version('a')).toBe('20');
  });

  it('and then no longer knows the checkpoint is loaded again', async () => {
    source.onResume = () => ({ reload: 'lost-changes', detail: 'They are gone.' });
    source.failFeed(new Error('boom'));
    const snapshot = (await source.snapshot(2)).answer('30');
    expect(await world.version('a')).toBe('1');
    snapshot.rows(item('a', 30)).end();
    await until(() => worker.status().state === 'following');
    expect(await world.version('a')).toBe('30');
    expect(await world.checkpoint()).toBe('30');
  });

  it('while a batch waits at a pause ends the term at once, and what waited comes again', async () => {
    await worker.pause();
    source.send(11, { op: 'upsert', id: 'a', record: item('a', 11) });
    source.failFeed(new Error('boom'));
    worker.resume();
    await until(() => source.sessions === 2 && worker.status().state === 'following');
    const checkpoint = await world.checkpoint();
    expect(source.resumedAt).toEqual([null, checkpoint]);
    expect({ checkpoint, version: await world.version('a') }).toEqual(
      checkpoint === '11' ? { checkpoint: '11', version: '11' } : { checkpoint: '10', version: '1' },
    );
    source.send(11, { op: 'upsert', id: 'a', record: item('a', 11) });
    await until(async () => (await world.version('a')) === '11');
    expect(await world.checkpoint()).toBe('11');
  });

  it('before it is followed fails the start', async () => {
    const failing = new ScriptedSource<Item>();
    failing.onOpen = () => {
      throw new Error('boom');
    };
    await worker.stop();
    const other = world.worker(failing);
    await expect(other.start()).rejects.toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    expect(other.status().state).toBe('failed');
    expect(await world.version('a')).toBe('1');
    await world.withoutConnections();
  });
});

describe('connections that break', () => {
  it('while changes flow lose nothing and turn nothing around', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10, 0) });
    const worker = await world.started(primary, { maxBatch: 20 });
    const writes = busy(primary);
    for (let round = 0; round < 10; round++) {
      await writes.more(50);
      await world.cutConnections();
    }
    writes.stop();
    await caughtUp(worker, primary);
    expect(goesForward()).toBe(true);
    expect(world.told('worker-error').map(({ error }) => error.code)).toContain('ERR_PREFETCH_UNAVAILABLE');
    await until(() => worker.status().state === 'following');
    expect(worker.status().error).toBeNull();
    expect(primary.reads).toBe(2);
  });

  it('while it loads do not end the load', async () => {
    const source = new ScriptedSource<Item>();
    const worker = world.worker(source);
    const starting = worker.start();
    const snapshot = (await source.snapshot()).answer('10');
    for (let page = 0; page < 5; page++) {
      snapshot.rows(...items(3_000).slice(page * 600, page * 600 + 600));
      await world.cutConnections();
      await until(() => snapshot.isHungry);
    }
    snapshot.end();
    await starting;
    expect(await versionsIn(world.cache)).toEqual(versionsOf(items(3_000)));
    expect(source.snapshots).toHaveLength(1);
  });
});

describe('Redis that is killed and started again, empty', () => {
  it('while changes flow is waited for, and what comes then is applied in order', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10, 0) });
    const worker = await world.started(primary, { maxBatch: 20 });
    const writes = busy(primary);
    await writes.more(100);
    await redis.kill();
    await writes.more(100);
    await until(() => worker.status().state === 'retrying');
    expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    await redis.restart();
    await writes.more(100);
    writes.stop();
    await until(async () => (await worker.lag())?.events === 0);
    expect(goesForward()).toBe(true);
    await until(() => world.states().at(-1) === 'following');
    expect(await versionsIn(world.cache)).toEqual(versionsOf(await primary.list()));
    expect((await world.cache.get('other')).outcome).toBe('miss');
    expect(world.told('worker-error').map(({ error }) => error.code)).toEqual(
      expect.arrayContaining(['ERR_PREFETCH_UNAVAILABLE']),
    );
    expect(world.told('loaded')).toHaveLength(2);
  });
});

describe('Redis that takes no writes', () => {
  it('for want of memory is waited for', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    const worker = await world.started(primary);
    await world.client.configSet('maxmemory', '1');
    try {
      primary.update('item-00000', { version: '2' });
      primary.delete('item-00001');
      await until(() => worker.status().state === 'retrying');
      expect(worker.status().error?.message).toMatch(/OOM/);
      expect(await versionsIn(world.cache)).toEqual(versionsOf(items(10)));
    } finally {
      await world.client.configSet('maxmemory', '0');
    }
    await caughtUp(worker, primary);
    expect(worker.status().state).toBe('following');
    expect(world.states()).toEqual(['starting', 'following', 'retrying', 'following']);
  });

  it('for want of permission ends the worker', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10) });
    const worker = await world.started(primary);
    await world.client.sendCommand(['ACL', 'SETUSER', 'default', '-evalsha']);
    try {
      primary.update('item-00000', { version: '2' });
      await until(() => worker.status().state === 'failed');
      expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_NO_PERMISSION' });
    } finally {
      await world.client.sendCommand(['ACL', 'SETUSER', 'default', '+@all']);
    }
    await caughtUp(await world.started(primary), primary);
  });

  it('because it is stalled gets everything once it goes on', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(10, 0) });
    const worker = await world.started(primary, { maxBatch: 20 });
    const writes = busy(primary);
    await writes.more(50);
    redis.stall();
    await writes.more(500);
    redis.resume();
    await writes.more(50);
    writes.stop();
    await caughtUp(worker, primary);
    expect(goesForward()).toBe(true);
    expect(world.told('applied').flatMap(({ changes }) => changes).length).toBe(
      Number(worker.status().position?.split('/').at(-1)),
    );
  });
});

describe('keys of another type', () => {
  it('are replaced by the record', async () => {
    const primary = new MemoryPrimary<Item>({ records: items(2) });
    const { keys } = world.cache.dataset;
    await world.client.lPush(keys.record('item-00000'), 'x');
    await world.started(primary);
    expect(await world.version('item-00000')).toBe('1');
    await world.client.del(keys.record('item-00001'));
    await world.client.sAdd(keys.record('item-00001'), 'x');
    primary.update('item-00001', { version: '2' });
    await until(
      async () => (await world.cache.get('item-00001').catch(() => undefined))?.record?.version === '2',
    );
  });
});

describe('a connection that gives up for good', () => {
  it('ends the worker loudly', async () => {
    const options = { url: redis.url, socket: { reconnectStrategy: false } } as const;
    const client = Object.create(world.client, {
      duplicate: { value: () => createClient(options) },
    }) as RedisClient;
    const cache = new PrefetchCache({ client, schema: world.cache.dataset.schema });
    const primary = new MemoryPrimary<Item>({ records: items(3) });
    const worker = new Worker({ cache, source: primary });
    await worker.start();
    await world.cutConnections();
    await until(() => worker.status().error);
    primary.update('item-00000', { version: '2' });
    await until(() => worker.status().state === 'failed');
    expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_CLIENT_CLOSED' });
    await worker.stop();
    await caughtUp(await world.started(primary), primary);
  });
});

it("closing the caller's client does not concern a worker that runs", async () => {
  const primary = new MemoryPrimary<Item>({ records: items(3) });
  const worker = await world.started(primary);
  world.client.destroy();
  primary.update('item-00000', { version: '2' });
  await until(async () => (await worker.lag())?.events === 0);
  expect(worker.status().state).toBe('following');
  await worker.stop();
});
