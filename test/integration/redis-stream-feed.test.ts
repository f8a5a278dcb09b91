import { encodeChange, publishChange } from '../../src/sources/redis-stream/index.js';
import { Clients } from '../support/clients.js';
import { item } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { StreamWorld } from '../support/stream-world.js';
import { Following } from '../support/stream-following.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describe('the changes of a Redis stream', () => {
  const clients = new Clients();
  let redis: TestRedis;
  let world: StreamWorld;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
  });

  beforeEach(async () => {
    world = await StreamWorld.open(redis);
  });

  afterEach(async () => {
    await world.close();
    clients.closeAll();
  });

  afterAll(() => redis.stop());

  it('come in order, with what a producer published and when', async () => {
    const start = await world.begin();
    const following = await world.follow(start);
    await world.publish({ op: 'upsert', id: 'a', record: item('a', 2), timestampMs: 17 });
    await world.publish({ op: 'upsert', id: 'a', record: { name: 'A' }, partial: true });
    await world.publish({ op: 'delete', id: 'a' });
    const last = await world.publish({ op: 'truncate' });
    await following.hasSeen(4);
    expect(following.changes).toEqual([
      { op: 'upsert', id: 'a', record: item('a', 2), timestampMs: 17 },
      { op: 'upsert', id: 'a', record: { name: 'A' }, partial: true, timestampMs: expect.any(Number) },
      { op: 'delete', id: 'a', timestampMs: expect.any(Number) },
      { op: 'truncate', timestampMs: Number(last.split('-')[0]) },
    ]);
    expect(following.position).toBe(last);
    expect(following.batches.every(({ complete }) => complete)).toBe(true);
  });

  it('come with what a producer wrote in a transaction of its own', async () => {
    const start = await world.begin();
    const following = await world.follow(start);
    await world.client
      .multi()
      .set(`${world.stream}:primary`, 'written')
      .xAdd(world.stream, '*', encodeChange({ op: 'upsert', id: 'a', record: item('a') }))
      .xAdd(world.stream, '*', encodeChange({ op: 'delete', id: 'b' }))
      .exec();
    await following.hasSeen(2);
    expect(following.ids).toEqual(['a', 'b']);
  });

  it('come in batches of at most as many as are wanted, and go on at any of them', async () => {
    const start = await world.begin();
    const entries = await world.upsert(...Array.from({ length: 24 }, (_, i) => `r${i}`));
    const session = await world.session();
    const all = new Following(session, start, 10);
    await all.hasSeen(24);
    expect(all.batches.map(({ position }) => position)).toEqual([entries[9], entries[19], entries[23]]);
    expect(all.batches.map(({ changes }) => changes.length)).toEqual([10, 10, 4]);
    const rest = new Following(session, entries[9] ?? '', 10);
    await rest.hasSeen(14);
    expect(rest.ids).toEqual(all.ids.slice(10));
  });

  it('go past marks, and hand on what makes no sense', async () => {
    const start = await world.begin();
    const following = await world.follow(start);
    const mark = await world.client.xAdd(world.stream, '*', { op: 'mark' });
    await until(() => following.position === mark);
    const bad = await world.client.xAdd(world.stream, '*', { op: 'upsert', id: 'a', record: '{"id"' });
    await world.upsert('b');
    await following.hasSeen(2);
    expect(following.changes[0]).toEqual({
      op: 'invalid',
      id: 'a',
      raw: { id: bad, fields: ['op', 'upsert', 'id', 'a', 'record', '{"id"'] },
      reason: expect.stringContaining('not JSON'),
      timestampMs: Number(bad.split('-')[0]),
    });
    expect(following.ids[1]).toBe('b');
  });

  it.each([2, 3])('come over RESP %d', async (RESP) => {
    const client = await clients.connect(redis.url, { RESP: RESP as 3 });
    const start = await world.begin();
    const following = await world.follow(start, { client });
    await world.upsert('a', 'b');
    await following.hasSeen(2);
    const session = await world.session({ client });
    expect(await session.resume(start)).toEqual({ from: start });
    expect(await session.lag(start)).toMatchObject({ events: 2 });
  });

  it('end promptly when the signal aborts, with the connection that waits', async () => {
    const start = await world.begin();
    const following = await world.follow(start, { blockMs: 60_000 });
    await world.waiting();
    expect(await following.abort()).toBeLessThan(1_000);
    await until(async () => (await world.blocked()) === 0);
    expect(await world.client.clientList()).toHaveLength(1);
  });

  it('end when the session is closed, and before they begin when the signal is aborted', async () => {
    const start = await world.begin();
    const session = await world.session({ blockMs: 60_000 });
    const following = new Following(session, start);
    await world.waiting();
    await session.close();
    await until(() => following.hasEnded);
    const late = new Following(session, start);
    await until(() => late.hasEnded);
    expect(late.batches).toEqual([]);
    await until(async () => (await world.client.clientList()).length === 1);
  });

  it('end promptly while Redis is gone', async () => {
    const start = await world.begin();
    const proxy = await startTcpProxy(redis.port);
    const client = await clients.connect(proxy.url);
    const following = await world.follow(start, { client });
    await world.waiting();
    proxy.down();
    await until(async () => (await world.blocked()) === 0);
    expect(await following.abort()).toBeLessThan(1_000);
    await proxy.close();
  });

  it('lose nothing and come once when the connection is killed while it waits', async () => {
    const start = await world.begin();
    const following = await world.follow(start);
    const published: string[] = [];
    for (let round = 0; round < 10; round++) {
      const id = await world.waiting();
      const ids = [`${round}-a`, `${round}-b`];
      published.push(...ids);
      await Promise.all([world.client.clientKill({ filter: 'ID', id }).catch(() => 0), world.upsert(...ids)]);
    }
    await following.hasSeen(published.length);
    expect(following.ids).toEqual(published);
    await following.abort();
  });

  it('lose nothing and come once when the connection breaks in the middle of a question', async () => {
    const start = await world.begin();
    const proxy = await startTcpProxy(redis.port);
    const client = await clients.connect(proxy.url);
    const following = await world.follow(start, { client });
    const published: string[] = [];
    for (let round = 0; round < 20; round++) {
      proxy.cutAfterBytes(150 * (round + 1));
      const ids = Array.from({ length: 50 }, (_, i) => `${round}-${i}`);
      published.push(...ids);
      await world.upsert(...ids);
      await following.hasSeen(published.length);
    }
    expect(following.ids).toEqual(published);
    await following.abort();
    await proxy.close();
  });

  it('come over a client that would not reconnect by itself', async () => {
    const client = await clients.connect(redis.url, { socket: { reconnectStrategy: false } });
    const start = await world.begin();
    const following = await world.follow(start, { client });
    const id = await world.waiting();
    await world.client.clientKill({ filter: 'ID', id });
    await world.upsert('a');
    await following.hasSeen(1);
    expect(following.ids).toEqual(['a']);
  });

  it('come over a new connection when the old one has fallen silent', async () => {
    const start = await world.begin();
    const proxy = await startTcpProxy(redis.port);
    const client = await clients.connect(proxy.url);
    const following = await world.follow(start, { client });
    await world.waiting();
    const made = proxy.connectionsMade;
    proxy.holdReplies();
    await world.upsert('a');
    await until(() => proxy.connectionsMade > made, 20_000);
    proxy.release();
    await world.upsert('b');
    await following.hasSeen(2);
    expect(following.ids).toEqual(['a', 'b']);
    await following.abort();
    await proxy.close();
  });

  it('wait for a server that stalls', async () => {
    const start = await world.begin();
    const following = await world.follow(start);
    await world.waiting();
    redis.stall();
    const publishing = world.upsert('a');
    redis.resume();
    await publishing;
    await following.hasSeen(1);
    expect(following.ids).toEqual(['a']);
  });

  it('need no more rights than the documentation says', async () => {
    const { client: admin, stream } = world;
    const rights = [
      '+eval',
      '+exists',
      '+xinfo|stream',
      '+xrange',
      '+xread',
      '+xadd',
      '+xtrim',
      '+xlen',
      '+time',
    ];
    const always = ['+hello', '+client'];
    await admin.sendCommand([
      'ACL',
      'SETUSER',
      'worker',
      'on',
      '>secret',
      `~${stream}`,
      ...always,
      ...rights,
    ]);
    await admin.sendCommand([
      'ACL',
      'SETUSER',
      'producer',
      'on',
      '>secret',
      `~${stream}`,
      ...always,
      '+xadd',
    ]);
    const as = (username: string) => clients.connect(redis.url, { username, password: 'secret' });
    const session = await world.session({ client: await as('worker') });
    const { position } = await session.snapshot(new AbortController().signal);
    expect(await session.resume(position)).toEqual({ from: position });
    const following = new Following(session, position);
    const producer = await as('producer');
    const id = await publishChange(producer, stream, { op: 'delete', id: 'a' });
    await following.hasSeen(1);
    expect(await session.lag(id)).toEqual({ events: 0, ms: 0 });
    await session.acknowledge(id);
    await until(async () => (await world.entries()).length === 1);
    await session.acknowledge(id);
    expect(await admin.sendCommand(['ACL', 'LOG'])).toEqual([]);
  });

  it('fail for a reason that does not pass', async () => {
    await world.client.set(world.stream, 'text');
    const following = await world.follow('5-1');
    expect(await following.failure()).toMatchObject({
      code: 'ERR_PREFETCH_WRONG_TYPE',
      message: expect.stringContaining(world.stream),
    });
    await expect(world.publish({ op: 'truncate' })).rejects.toMatchObject({
      code: 'ERR_PREFETCH_WRONG_TYPE',
    });
  });
});
