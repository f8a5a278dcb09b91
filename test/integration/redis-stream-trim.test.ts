import { Clients } from '../support/clients.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { Following } from '../support/stream-following.js';
import { StreamWorld } from '../support/stream-world.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describe('what is left of a Redis stream', () => {
  const clients = new Clients();
  let redis: TestRedis;
  let world: StreamWorld;
  let entries: string[];

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
  });

  beforeEach(async () => {
    world = await StreamWorld.open(redis);
    entries = await world.upsert('a', 'b', 'c', 'd');
  });

  afterEach(async () => {
    await world.close();
    clients.closeAll();
  });

  afterAll(() => redis.stop());

  const entry = (n: number) => entries[n] ?? '';

  it('is the entry that was acknowledged, and all after it', async () => {
    const session = await world.session();
    await session.acknowledge(entry(1));
    await session.close();
    expect(await world.entries()).toEqual(entries.slice(1));
    const next = await world.session();
    expect(await next.resume(entry(1))).toEqual({ from: entry(1) });
    expect(await next.resume(entry(0))).toMatchObject({ reload: 'lost-changes' });
  });

  it('is the latest that was acknowledged, though many come at once', async () => {
    const session = await world.session();
    for (const id of [...entries, entry(0)]) await session.acknowledge(id);
    await session.close();
    expect(await world.entries()).toEqual([entry(3)]);
  });

  it('is everything when others read it too', async () => {
    const session = await world.session({ trim: false });
    await session.acknowledge(entry(3));
    await session.close();
    expect(await world.entries()).toEqual(entries);
  });

  it('is what another session of the same source has not acknowledged', async () => {
    const source = world.source();
    const { signal } = new AbortController();
    const [slow, fast] = [await source.open(signal), await source.open(signal)];
    await slow.resume(entry(0));
    await fast.resume(entry(0));
    await fast.acknowledge(entry(3));
    await slow.acknowledge(entry(2));
    await until(async () => (await world.entries()).length === 2);
    await slow.close();
    await fast.acknowledge(entry(3));
    await fast.close();
    expect(await world.entries()).toEqual([entry(3)]);
  });

  it('is another stream, if it is one', async () => {
    const session = await world.session();
    await session.resume(entry(3));
    await world.client.del(world.stream);
    const others = [
      await world.client.xAdd(world.stream, '1-1', { op: 'truncate' }),
      await world.client.xAdd(world.stream, '1-2', { op: 'truncate' }),
    ];
    await session.acknowledge(entry(3));
    await session.close();
    expect(await world.entries()).toEqual(others);
  });

  it('is trimmed later when Redis cannot be reached now', async () => {
    const proxy = await startTcpProxy(redis.port);
    const session = await world.session({ client: await clients.connect(proxy.url) });
    proxy.cutAfterBytes(10);
    await session.acknowledge(entry(1));
    await until(() => proxy.connectionsMade > 1);
    await session.acknowledge(entry(2));
    await until(async () => (await world.entries()).length === 2);
    await proxy.close();
  });

  it('is an error when Redis does not allow trimming: it would grow without end', async () => {
    await world.client.sendCommand(['ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+@all', '-xtrim']);
    const client = await clients.connect(redis.url, { username: 'reader', password: 'secret' });
    const session = await world.session({ client });
    await session.acknowledge(entry(1));
    await until(async () =>
      session.acknowledge(entry(1)).then(
        () => false,
        (error: unknown) => (error as { code?: string }).code === 'ERR_PREFETCH_NO_PERMISSION',
      ),
    );
    expect(await world.entries()).toEqual(entries);
  });
});

describe('how far behind a position of a Redis stream is', () => {
  let redis: TestRedis;
  let world: StreamWorld;

  beforeAll(async () => {
    redis = await startTestRedis();
  });

  beforeEach(async () => {
    world = await StreamWorld.open(redis);
  });

  afterEach(() => world.close());

  afterAll(() => redis.stop());

  it('is told in entries, and in the time that the oldest of them waits', async () => {
    const entries = await world.upsert('a', 'b', 'c');
    const session = await world.session();
    expect(await session.lag(entries[2] ?? '')).toEqual({ events: 0, ms: 0 });
    expect(await session.lag(entries[0] ?? '')).toEqual({ events: 2, ms: expect.any(Number) });
    expect(await session.lag(entries[1] ?? '')).toEqual({ events: 1, ms: expect.any(Number) });
    const waitingSince = Number(entries[2]?.split('-')[0]);
    await until(() => Date.now() > waitingSince + 20);
    const { ms = 0 } = await session.lag(entries[1] ?? '');
    expect(ms).toBeGreaterThanOrEqual(20);
    expect(ms).toBeLessThan(10_000);
  });

  it('is counted also where the stream does not tell, over many pages', async () => {
    await world.begin();
    const from = await world.begin();
    await world.upsert(...Array.from({ length: 3_210 }, (_, i) => `r${i}`));
    const session = await world.session();
    expect(await session.lag(from)).toMatchObject({ events: 3_210 });
  });

  it('goes down while somebody reads, to nothing', async () => {
    const session = await world.session();
    const from = await world.begin();
    await world.upsert('a', 'b', 'c');
    const following = new Following(session, from);
    await following.hasSeen(3);
    expect(await session.lag(following.position ?? '')).toEqual({ events: 0, ms: 0 });
  });

  it('has no time when producers number their entries themselves', async () => {
    for (const id of ['1-1', '2-1', '3-1']) await world.client.xAdd(world.stream, id, { op: 'truncate' });
    const session = await world.session();
    expect(await session.lag('1-1')).toEqual({ events: 2 });
    const following = new Following(session, '1-1');
    await following.hasSeen(2);
    expect(following.changes).toEqual([{ op: 'truncate' }, { op: 'truncate' }]);
  });
});
