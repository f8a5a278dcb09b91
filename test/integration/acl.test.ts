import { type Change, PrefetchCache, SyncOperator, SyncWorker, subscribe } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Category, beverages, categories, category, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { beat } from '../support/heartbeat.js';
import { type Layout, layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { until } from '../support/until.js';

const clients = new Clients();
let redis: TestRedis;
let admin: TestClient;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  admin = await redis.client();
});
afterAll(async () => {
  clients.closeAll();
  await redis.stop();
});
beforeEach(async () => {
  await admin.flushAll();
  await admin.sendCommand(['ACL', 'LOG', 'RESET']);
});

/** What a web process needs that only looks up. */
const reader = (layout: Layout) => [
  '%R~cache:category:*',
  '%R~prefetch:{cache:category}:loaded',
  '+get',
  ...(layout === 'HASH' ? ['+hgetall'] : []),
];

/** What it needs besides to ask how stale the dataset is. */
const freshnessReader = ['%R~prefetch:{cache:category}:heartbeat', '+time'];

/** What whoever writes needs, the worker included. */
const writer = (layout: Layout) => [
  '~cache:category:*',
  '~prefetch:{cache:category}:*',
  ...['+get', '+xlen', '+set', '+setrange', '+del', '+unlink', '+exists', '+scan'],
  ...['+expire', '+pexpire', '+pexpireat', '+pttl', '+time', '+info', '+eval', '+evalsha'],
  ...['+xadd', '+xdel', '+xrange', '+xrevrange', '+xinfo|stream'],
  ...['+hincrby', '+hmget', '+sadd', '+srem', '+smismember'],
  ...(layout === 'HASH' ? ['+hgetall', '+hset'] : []),
];

/** What an operator needs who looks at the dataset and asks things of the worker. */
const operating = [
  '%R~cache:category:*',
  '%R~prefetch:{cache:category}:*',
  '%W~prefetch:{cache:category}:commands',
  ...['+get', '+xlen', '+time', '+pttl', '+xadd', '+xrange', '+xrevrange', '+hmget', '+smismember'],
];

async function connectAs(rules: readonly string[]): Promise<TestClient> {
  await admin.sendCommand(['ACL', 'SETUSER', 'tester', 'reset', 'on', '>secret', ...rules]);
  return clients.connect(redis.url, { username: 'tester', password: 'secret' });
}

/** Commands and keys that were refused, besides those with which a client introduces itself. */
async function refusedByServer(): Promise<string[]> {
  const log = await admin.aclLog();
  return log.map(({ object }) => object).filter((object) => !object.startsWith('client|'));
}

/** What was called since the last CONFIG RESETSTAT, by clients and by scripts. */
async function commandsCalled(): Promise<string[]> {
  const stats = await admin.info('commandstats');
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    .filter(([, , calls]) => calls !== '0')
    .map(([, name = '']) => name);
}

const bad: Change<Category> = { op: 'upsert', id: 'cat-003', record: { ...beverages, id: 'cat-004' } };

describe.each(layouts)('in the layout %s', (layout) => {
  const schema = categorySchema('cache:category', layout);

  function cacheOn(client: TestClient): PrefetchCache<Category> {
    return new PrefetchCache({ client, schema });
  }

  it('a user who may only read can do lookups of every outcome', async () => {
    const cache = cacheOn(await connectAs(reader(layout)));
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'not-loaded' });
    await cacheOn(admin).bulkLoad(categories);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'hit', record: beverages });
    await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
    await expect(cache.getMany(['cat-001', 'cat-404'])).resolves.toMatchObject({ missing: ['cat-404'] });
    await expect(cache.loadNote()).resolves.toMatchObject({ records: 5 });
    await expect(refusedByServer()).resolves.toEqual([]);
  });

  it('a user who may only read cannot write, and is told so', async () => {
    await cacheOn(admin).bulkLoad(categories);
    const cache = cacheOn(await connectAs(reader(layout)));
    const refused = {
      name: 'PrefetchError',
      code: 'ERR_PREFETCH_NO_PERMISSION',
      message: expect.stringContaining('The README lists') as string,
    };
    await expect(cache.bulkLoad(categories)).rejects.toMatchObject(refused);
    await expect(cache.applyChange({ op: 'delete', id: 'cat-001' })).rejects.toMatchObject(refused);
    await expect(cache.applyChange({ op: 'truncate' })).rejects.toMatchObject(refused);
    await expect(cache.invalidate('cat-001')).rejects.toMatchObject(refused);
    await expect(cache.clear()).rejects.toMatchObject(refused);
    await expect(cache.count()).rejects.toMatchObject(refused);
    await expect(cache.ttlRemaining('cat-001')).rejects.toMatchObject(refused);
    await expect(cacheOn(admin).getMany(categories.map(({ id }) => id))).resolves.toMatchObject({
      outcome: 'hit',
      records: categories,
    });
  });

  it('nothing of what the reader is given is more than it needs', async () => {
    await cacheOn(admin).bulkLoad(categories);
    for (const rule of reader(layout)) {
      const cache = cacheOn(await connectAs(reader(layout).filter((other) => other !== rule)));
      const outcomes = [(await cache.get('cat-001')).outcome, (await cache.get('cat-404')).outcome];
      expect(outcomes).toContain('unavailable');
    }
  });

  it('a user who may also read the heartbeat and the time learns how stale it is, and needs both', async () => {
    await cacheOn(admin).bulkLoad(categories);
    const rules = [...reader(layout), ...freshnessReader];
    const cache = cacheOn(await connectAs(rules));
    const stale = { outcome: 'hit', isStale: true };
    await expect(cache.get('cat-001', { maxStalenessMs: 60_000 })).resolves.toMatchObject(stale);
    await expect(cache.staleness()).resolves.toBe(Infinity);
    await beat(admin, cache.dataset.keys.heartbeat);
    const fresh = { outcome: 'miss', isStale: false };
    await expect(cache.get('cat-404', { maxStalenessMs: 60_000 })).resolves.toMatchObject(fresh);
    await expect(cache.staleness()).resolves.toBeLessThan(60_000);
    await expect(refusedByServer()).resolves.toEqual([]);
    for (const rule of freshnessReader) {
      const poorer = cacheOn(await connectAs(rules.filter((other) => other !== rule)));
      const refused = { code: 'ERR_PREFETCH_NO_PERMISSION' };
      const lookup = await poorer.get('cat-001', { maxStalenessMs: 60_000 });
      expect(lookup).toMatchObject({ outcome: 'unavailable', error: refused });
      await expect(poorer.staleness()).rejects.toMatchObject(refused);
      await expect(poorer.get('cat-001')).resolves.toMatchObject({ outcome: 'hit' });
    }
  });

  it.each([
    ['no permission for the command', ['%R~cache:category:*', '+ping']],
    ['no permission for the keys', ['%R~other:*', '+get', '+hgetall']],
  ])('a lookup with %s is unavailable, never a miss', async (_, rules) => {
    await cacheOn(admin).bulkLoad(categories);
    const cache = cacheOn(await connectAs(rules));
    await expect(cache.get('cat-404')).resolves.toMatchObject({
      outcome: 'unavailable',
      error: { code: 'ERR_PREFETCH_NO_PERMISSION' },
    });
  });

  it('a writing user can do everything', async () => {
    const cache = cacheOn(await connectAs(writer(layout)));
    await expect(cache.bulkLoad(categories)).resolves.toMatchObject({ loaded: 5 });
    await cache.applyChanges([
      { op: 'upsert', id: 'cat-006', record: category('cat-006') },
      { op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true },
      { op: 'delete', id: 'cat-002' },
    ]);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ record: { ...beverages, name: 'Drinks' } });
    await expect(cache.ttlRemaining('cat-001')).resolves.toBeGreaterThan(3_500);
    await expect(cache.count()).resolves.toBe(5);
    await expect(cache.invalidate('cat-001')).resolves.toBe(true);
    await cache.applyChange({ op: 'truncate' });
    await expect(cache.clear()).resolves.toBe(0);
    await expect(refusedByServer()).resolves.toEqual([]);
  });

  it('a worker runs as the writing user: loads, follows, keeps alive, reloads', async () => {
    const client = await connectAs(writer(layout));
    const cache = new PrefetchCache({ client, schema, ttlSeconds: 1 });
    const primary = new MemoryPrimary<Category>({ records: categories, readLatencyMs: 0 });
    const worker = new SyncWorker({ cache, source: primary });
    await worker.start();
    primary.update('cat-001', { name: 'Drinks' });
    await until(async () => (await cache.get('cat-001')).record?.name === 'Drinks');
    const loadedAt = performance.now();
    await until(async () => {
      await expect(cache.get('cat-002')).resolves.toMatchObject({ outcome: 'hit' });
      return performance.now() - loadedAt > 1_500;
    });
    await worker.reload();
    await worker.stop();
    expect(worker.status().error).toBeNull();
    await expect(refusedByServer()).resolves.toEqual([]);
  });

  it('two workers need nothing else to take turns, nor to be asked things, and all of what they are given', async () => {
    const client = await connectAs(writer(layout));
    const cache = new PrefetchCache({ client, schema, ttlSeconds: 2 });
    const source = new ScriptedSource<Category>();
    const options = { cache, source, takeoverMs: 400, maxShrink: 1 };
    const [first, second] = [new SyncWorker(options), new SyncWorker(options)];
    const operator = new SyncOperator({ cache });
    await admin.configResetStat();
    const sweeps: unknown[] = [];
    const unsubscribe = subscribe((event) => sweeps.push(event), ['kept-alive']);

    const starting = first.start();
    (await source.snapshot())
      .answer('10')
      .rows(...categories)
      .end();
    await starting;
    await second.start();
    source.send(11, bad, { op: 'upsert', id: 'cat-001', record: { name: 'Drinks' }, partial: true });
    source.send(12, { op: 'upsert', id: 'cat-003', record: category('cat-003') }, bad);
    await until(async () => (await operator.status()).position === '12');
    const reloading = second.reload();
    (await source.snapshot(2))
      .answer('20')
      .rows(...categories)
      .end();
    await reloading;
    const comparing = operator.reconcile({ repair: true, force: true });
    (await source.snapshot(3)).answer('21').rows(beverages, category('cat-009')).end();
    source.send(21);
    await expect(comparing).resolves.toMatchObject({ missing: 1, orphaned: 4 });
    await first.stop();
    await until(() => second.status().state === 'following');
    source.send(22, bad, bad, { op: 'truncate' });
    await until(async () => (await operator.status()).position === '22');
    const letters = await operator.deadLetters.list();
    const change = { op: 'delete', id: 'cat-003' } as const;
    await operator.deadLetters.replay(letters[0]!.id, { change }).catch(() => undefined);
    await operator.deadLetters.discard(letters.map(({ id }) => id));
    await expect(cache.explain('cat-009')).resolves.toMatchObject({ isPresent: false });
    await cache.journal();
    await cache.bulkLoad(categories);
    await until(() => sweeps.length > 0); // a TTL was renewed
    await cache.clear();
    await second.stop();
    unsubscribe();

    expect([first.status().error, second.status().error]).toEqual([null, null]);
    await expect(refusedByServer()).resolves.toEqual([]);
    const given = writer(layout)
      .filter((rule) => rule.startsWith('+'))
      .map((rule) => rule.slice(1));
    expect(await commandsCalled()).toEqual(expect.arrayContaining(given));
  });

  describe('with a worker that runs elsewhere, an operator', () => {
    let worker: SyncWorker<Category>;
    let source: ScriptedSource<Category>;

    beforeEach(async () => {
      source = new ScriptedSource<Category>();
      worker = new SyncWorker({ cache: cacheOn(admin), source });
      const starting = worker.start();
      (await source.snapshot())
        .answer('10')
        .rows(...categories)
        .end();
      await starting;
      source.send(11, bad);
      await until(() => worker.status().deadLetters === 1);
    });
    afterEach(() => worker.stop());

    /** Everything that can be asked; what is refused is in the outcome. */
    async function askAll(rules: readonly string[]): Promise<PromiseSettledResult<unknown>[]> {
      const cache = cacheOn(await connectAs(rules));
      const operator = new SyncOperator({ cache });
      return Promise.allSettled([
        cache.explain('cat-001'),
        cache.journal(),
        cache.staleness(),
        operator.status(),
        operator.deadLetters.list(),
        operator.deadLetters.discard(['unknown']),
      ]);
    }

    it('does everything with what the README gives it', async () => {
      const outcomes = await askAll(operating);
      expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'fulfilled'));
      const reloading = new SyncOperator({ cache: cacheOn(await connectAs(operating)) }).reload();
      (await source.snapshot(2))
        .answer('20')
        .rows(...categories)
        .end();
      await expect(reloading).resolves.toMatchObject({ loaded: 5 });
      await expect(refusedByServer()).resolves.toEqual([]);
    });

    it('needs all of it', async () => {
      for (const rule of operating) {
        const outcomes = await askAll(operating.filter((other) => other !== rule));
        const refused = outcomes.filter(({ status }) => status === 'rejected');
        expect({ rule, refused }).toMatchObject({
          rule,
          refused: expect.arrayContaining([
            expect.objectContaining({
              reason: expect.objectContaining({ code: 'ERR_PREFETCH_NO_PERMISSION' }),
            }),
          ]),
        });
      }
    });
  });
});
