import { setTimeout as pause } from 'node:timers/promises';
import { PrefetchCache } from '../../src/index.js';
import { type Category, beverages, categories, categorySchema } from '../support/category.js';
import { Clients } from '../support/clients.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const deadlineMs = 250;
/** What a busy machine may add to a deadline. */
const slackMs = 1_000;

const clients = new Clients();
let redis: TestRedis;
let proxy: TcpProxy;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  proxy = await startTcpProxy(redis.port);
});
afterEach(() => {
  clients.closeAll();
  proxy.up();
  proxy.release();
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});

interface Answer {
  readonly outcome: string;
  readonly code: string | undefined;
  readonly tookMs: number;
}

/** Looks up without a break, sixteen at a time, until it is told to stop. */
class Lookers {
  readonly answers: Answer[] = [];
  readonly #cache: PrefetchCache<Category>;
  readonly #running: Promise<unknown>;
  #isOver = false;
  #begun = 0;

  constructor(cache: PrefetchCache<Category>) {
    this.#cache = cache;
    this.#running = Promise.all(Array.from({ length: 16 }, (_, i) => this.#look(i)));
  }

  /** Waits until somebody got this outcome after now. */
  async next(outcome: string): Promise<void> {
    const from = this.answers.length;
    await until(() => this.answers.slice(from).some((answer) => answer.outcome === outcome));
  }

  /** Ends, and checks that every lookup that was begun got its answer in time. */
  async stop(): Promise<ReadonlySet<string>> {
    this.#isOver = true;
    await this.#running;
    expect(this.answers).toHaveLength(this.#begun);
    expect(Math.max(...this.answers.map(({ tookMs }) => tookMs))).toBeLessThan(deadlineMs + slackMs);
    return new Set(this.answers.map(({ outcome }) => outcome));
  }

  async #look(looker: number): Promise<void> {
    while (!this.#isOver) {
      this.#begun++;
      const startedAt = performance.now();
      const lookup = await (looker % 2
        ? this.#cache.get('cat-001')
        : this.#cache.getMany(['cat-001', 'cat-005']));
      const code = lookup.outcome === 'unavailable' ? lookup.error.code : undefined;
      this.answers.push({ outcome: lookup.outcome, code, tookMs: performance.now() - startedAt });
      await pause(1);
    }
  }
}

describe.each(layouts)('lookups in the layout %s', (layout) => {
  let client: TestClient;
  let cache: PrefetchCache<Category>;

  beforeEach(async () => {
    client = await clients.connect(proxy.url);
    cache = new PrefetchCache({ client, schema: categorySchema(uniquePrefix(), layout), deadlineMs });
    await cache.bulkLoad(categories);
  });

  it('are all answered when Redis is killed, and recover when it is back, empty', async () => {
    const lookers = new Lookers(cache);
    await lookers.next('hit');
    await redis.kill();
    await lookers.next('unavailable');
    await expect(cache.get('cat-001')).resolves.toMatchObject({
      outcome: 'unavailable',
      error: { name: 'PrefetchError', code: 'ERR_PREFETCH_UNAVAILABLE' },
    });
    await redis.restart();
    await lookers.next('not-loaded');
    await cache.bulkLoad(categories);
    await lookers.next('hit');
    const outcomes = await lookers.stop();
    expect([...outcomes].sort()).toEqual(['hit', 'not-loaded', 'unavailable']);
    expect(cache.stats().unavailable).toBeGreaterThan(0);
  });

  it('are all answered while Redis stalls, and recover by themselves', async () => {
    const lookers = new Lookers(cache);
    await lookers.next('hit');
    redis.stall();
    await lookers.next('unavailable');
    const stalled = await cache.get('cat-001');
    redis.resume();
    expect(stalled).toMatchObject({ outcome: 'unavailable', error: { code: 'ERR_PREFETCH_DEADLINE' } });
    expect(stalled.redisLatencyMs).toBeGreaterThanOrEqual(deadlineMs - 5);
    await lookers.next('hit');
    expect([...(await lookers.stop())].sort()).toEqual(['hit', 'unavailable']);
  });

  it('are all answered during CLIENT PAUSE, on the same connection afterwards', async () => {
    const connections = proxy.connectionsMade;
    const lookers = new Lookers(cache);
    await lookers.next('hit');
    const admin = await redis.client();
    await admin.sendCommand(['CLIENT', 'PAUSE', '2000', 'ALL']);
    await lookers.next('unavailable');
    await lookers.next('hit');
    await lookers.stop();
    expect(new Set(lookers.answers.map(({ code }) => code))).toEqual(
      new Set([undefined, 'ERR_PREFETCH_DEADLINE']),
    );
    expect(proxy.connectionsMade).toBe(connections);
  });

  it('have a deadline of their own, by option', async () => {
    proxy.holdReplies();
    const startedAt = performance.now();
    await expect(cache.get('cat-001', { deadlineMs: 20 })).resolves.toMatchObject({
      outcome: 'unavailable',
      error: { message: 'Redis did not answer within 20 ms.' },
    });
    await expect(cache.getMany(['cat-001'], { deadlineMs: 20 })).resolves.toMatchObject({
      outcome: 'unavailable',
    });
    expect(performance.now() - startedAt).toBeLessThan(2 * 20 + slackMs);
    proxy.release();
    await until(async () => (await cache.get('cat-001')).outcome === 'hit');
  });

  it('wait for an outage that is shorter than their deadline', async () => {
    proxy.down();
    await until(() => !client.isReady);
    const waiting = [
      cache.get('cat-001', { deadlineMs: 10_000 }),
      cache.getMany(['cat-001'], { deadlineMs: 10_000 }),
      cache.get('cat-404', { deadlineMs: 10_000 }),
    ];
    proxy.up();
    const outcomes = await Promise.all(waiting.map(async (lookup) => (await lookup).outcome));
    expect(outcomes).toEqual(['hit', 'hit', 'miss']);
  });

  it('ask again when the connection breaks before their answer is here', async () => {
    proxy.holdReplies();
    const waiting = cache.get('cat-001', { deadlineMs: 10_000 });
    proxy.cut();
    proxy.release();
    await expect(waiting).resolves.toMatchObject({ outcome: 'hit', record: beverages });
  });

  it('are answered at once when the outage has lasted for longer', async () => {
    proxy.down();
    await until(() => !client.isReady);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'unavailable' });
    const startedAt = performance.now();
    for (let i = 0; i < 50; i++) {
      await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'unavailable' });
    }
    expect(performance.now() - startedAt).toBeLessThan(50 * deadlineMs);
    proxy.up();
    await until(async () => (await cache.get('cat-001')).outcome === 'hit');
  });

  it('do not fill the memory of the process while Redis stalls', async () => {
    proxy.holdReplies();
    const flood = Array.from({ length: 12_000 }, () => cache.get('cat-001'));
    const codes = new Map<string, number>();
    for (const lookup of await Promise.all(flood)) {
      const code = lookup.outcome === 'unavailable' ? lookup.error.code : lookup.outcome;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(Object.fromEntries(codes)).toEqual({
      ERR_PREFETCH_DEADLINE: 10_000,
      ERR_PREFETCH_UNAVAILABLE: 2_000,
    });
    proxy.release();
    await until(async () => (await cache.get('cat-001')).outcome === 'hit');
  });

  it('are unavailable without permission, never a miss', async () => {
    const admin = await redis.client();
    await admin.sendCommand(['ACL', 'SETUSER', 'default', '-get', '-hgetall']);
    try {
      await expect(cache.get('cat-404')).resolves.toMatchObject({
        outcome: 'unavailable',
        error: { code: 'ERR_PREFETCH_NO_PERMISSION' },
      });
    } finally {
      await admin.sendCommand(['ACL', 'SETUSER', 'default', '+@all']);
    }
    await expect(cache.get('cat-404')).resolves.toMatchObject({ outcome: 'miss' });
  });

  it('ttlRemaining() and loadNote() reject in time while Redis does not answer', async () => {
    proxy.holdReplies();
    const late = { name: 'PrefetchError', code: 'ERR_PREFETCH_DEADLINE' };
    await expect(cache.ttlRemaining('cat-001')).rejects.toMatchObject(late);
    await expect(cache.loadNote()).rejects.toMatchObject(late);
  });
});

describe.each(layouts)('writes in the layout %s', (layout) => {
  it('do not mind that the scripts of the server are gone', async () => {
    const client = await clients.connect(proxy.url);
    const cache = new PrefetchCache({ client, schema: categorySchema(uniquePrefix(), layout) });
    await client.scriptFlush();
    await cache.bulkLoad(categories);
    await client.scriptFlush();
    await cache.applyChange({ op: 'delete', id: 'cat-005' });
    await redis.restart();
    await until(() => client.isReady);
    await cache.bulkLoad(categories);
    await expect(cache.count()).resolves.toBe(5);
  });

  it('reject when the connection breaks, and work when it is back', async () => {
    const client = await clients.connect(proxy.url);
    const cache = new PrefetchCache({ client, schema: categorySchema(uniquePrefix(), layout) });
    await cache.bulkLoad(categories);
    proxy.holdReplies();
    const change = cache.applyChange({ op: 'delete', id: 'cat-005' });
    proxy.cut();
    proxy.release();
    await expect(change).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    await cache.applyChange({ op: 'delete', id: 'cat-004' });
    await expect(cache.get('cat-004')).resolves.toMatchObject({ outcome: 'miss' });
  });
});
