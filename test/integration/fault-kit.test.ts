import { type Socket, connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { answersAt } from '../../src/demo/redis-server/answers-at.js';
import { PrefetchCache } from '../../src/index.js';
import { Clients } from '../support/clients.js';
import { type Item, item, items, itemSchema, versionsIn } from '../support/item.js';
import { RedisPrimary } from '../support/redis-primary.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

describe('the proxy', () => {
  /** What came to the server, and the client at the other end. */
  let heard: string;
  let server: Server;
  let accepted: Socket[];
  let proxy: TcpProxy;
  let client: Socket;
  let answers: string;

  beforeEach(async () => {
    heard = '';
    answers = '';
    accepted = [];
    server = createServer((socket) => {
      accepted.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        heard += String(bytes);
        socket.write(`re:${String(bytes)}`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startTcpProxy((server.address() as AddressInfo).port);
    client = await dial();
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close();
    server.close();
  });

  async function dial(): Promise<Socket> {
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => (answers += String(bytes)));
    await once(socket, 'connect');
    return socket;
  }

  async function say(text: string): Promise<void> {
    client.write(text);
    await until(() => heard.endsWith(text) && answers.endsWith(text));
  }

  it('passes on what both sides say', async () => {
    await say('hello');
    expect({ heard, answers }).toEqual({ heard: 'hello', answers: 're:hello' });
    client.end();
    await once(client, 'close');
    await until(() => accepted[0]?.destroyed);
  });

  it('cuts, and takes new connections', async () => {
    await say('a');
    proxy.cut();
    await once(client, 'close');
    client = await dial();
    await say('b');
    expect(proxy.connectionsMade).toBe(2);
  });

  it('is down, and takes none', async () => {
    await say('a');
    proxy.down();
    await once(client, 'close');
    client = await dial();
    await once(client, 'close');
    proxy.up();
    client = await dial();
    await say('b');
  });

  it('breaks off after so many bytes of the clients, which still arrive', async () => {
    await say('a');
    proxy.cutAfterBytes(3);
    client.write('12345');
    await once(client, 'close');
    await until(() => accepted[0]?.destroyed);
    expect(heard).toBe('a123');
  });

  it('breaks off after so many bytes of the server, which still arrive', async () => {
    await say('a');
    proxy.cutAfterBytes(4, 'server');
    client.write('12345');
    await once(client, 'close');
    await until(() => accepted[0]?.destroyed);
    expect({ heard, answers }).toEqual({ heard: 'a12345', answers: 're:are:1' });
  });

  it('half-closes: the client hears of it, the server does not', async () => {
    await say('a');
    proxy.halfClose();
    await once(client, 'close');
    client = await dial();
    await say('b');
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  });

  it('holds replies back', async () => {
    proxy.holdReplies();
    client.write('a');
    await until(() => heard === 'a');
    const other = await dial();
    other.write('b');
    await until(() => heard === 'ab');
    expect(answers).toBe('');
    proxy.release();
    await until(() => answers === 're:are:b');
    other.destroy();
  });

  it('holds requests back, and lets them arrive when who asked is gone', async () => {
    await say('a');
    proxy.holdRequests();
    client.write('late');
    client.destroy();
    await once(client, 'close');
    const other = await dial();
    other.write('too');
    expect(heard).toBe('a');
    proxy.release();
    await until(() => heard.includes('late') && heard.includes('too'));
    other.destroy();
  });

  it('delays replies, in order', async () => {
    proxy.delayReplies(150);
    const startedAt = performance.now();
    client.write('slow');
    await until(() => answers === 're:slow');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(149);
    client.write('slow');
    await until(() => heard === 'slowslow');
    proxy.delayReplies(0);
    client.write('quick');
    await until(() => answers === 're:slowre:slowre:quick');
  });
});

describe('a private Redis', () => {
  const clients = new Clients();
  let redis: TestRedis;
  let client: TestClient;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
  });
  beforeEach(async () => {
    await redis.flush();
    client = await clients.connect(redis.url, { disableOfflineQueue: true });
  });
  afterEach(() => {
    clients.closeAll();
  });
  afterAll(() => redis.stop());

  const isBack = () => until(() => client.isReady);

  it('restarts empty', async () => {
    await client.set('a', '1');
    await redis.kill();
    await until(() => !client.isReady);
    await redis.restart();
    await isBack();
    expect(await client.get('a')).toBeNull();
  });

  it('restarts with all that it had', async () => {
    await client.set('a', '1', { EX: 100 });
    await redis.restart('kept');
    await isBack();
    expect(await client.get('a')).toBe('1');
    expect(await client.ttl('a')).toBeGreaterThan(90);
    await redis.restart();
    await isBack();
    expect(await client.get('a')).toBeNull();
  });

  it('is set back to an earlier state', async () => {
    await client.set('a', '1');
    const copy = await redis.copy();
    await client.set('a', '2');
    await client.set('b', '2');
    await redis.restart(copy);
    await isBack();
    expect(await client.mGet(['a', 'b'])).toEqual(['1', null]);
  });

  it('stalls and goes on', async () => {
    redis.stall();
    const asked = client.set('a', '1');
    expect(await answersAt({ port: redis.port })).toBe(false);
    redis.resume();
    await asked;
    expect(await answersAt({ port: redis.port })).toBe(true);
  });

  it('is full, and is not', async () => {
    await client.set('a', '1');
    await redis.full();
    await expect(client.set('b', 'x'.repeat(100_000))).rejects.toThrow(/^OOM/);
    expect(await client.get('a')).toBe('1');
    await redis.notFull();
    await client.set('b', '1');
  });

  it('takes so many bytes more before it is full', async () => {
    await redis.full(5_000_000);
    await client.set('b', 'x'.repeat(1_000_000));
    const many = Array.from({ length: 10 }, (_, i) => client.set(`c${i}`, 'x'.repeat(1_000_000)));
    await expect(Promise.all(many)).rejects.toThrow(/^OOM/);
    await Promise.allSettled(many);
    await redis.notFull();
  });

  it('refuses writes and keeps what it has', async () => {
    await client.set('a', '1');
    await redis.readOnly();
    await expect(client.set('a', '2')).rejects.toThrow(/^READONLY/);
    expect(await client.get('a')).toBe('1');
    await redis.writable();
    await client.set('a', '2');
    expect(await client.get('a')).toBe('2');
  });

  it('forgets everything', async () => {
    await client.set('a', '1');
    await redis.flush();
    expect(await client.get('a')).toBeNull();
  });
});

describe('a worker in a process of its own', () => {
  let redis: TestRedis;
  let client: TestClient;
  let primary: RedisPrimary;
  let cache: PrefetchCache<Item>;
  let worker: WorkerProcess;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
    client = await redis.client();
  });
  beforeEach(async () => {
    const name = uniquePrefix('cache:item');
    cache = new PrefetchCache<Item>({ client, schema: itemSchema(name, 'HASH'), ttlSeconds: 60 });
    primary = new RedisPrimary(client, uniquePrefix('primary'));
    await primary.upsert(...items(250));
    worker = start();
    await worker.is('following');
  });
  afterEach(() => worker.kill());
  afterAll(() => redis.stop());

  function start(): WorkerProcess {
    return new WorkerProcess({
      redisUrl: redis.url,
      dataset: cache.name,
      layout: 'HASH',
      ttlSeconds: 60,
      primary: { url: redis.url, name: primary.name, pauseMs: 1 },
      worker: {},
    });
  }

  async function version(id: string): Promise<string | undefined> {
    return (await cache.get(id)).record?.version;
  }

  it('follows its primary', async () => {
    expect(Object.keys(await versionsIn(cache))).toHaveLength(250);
    await primary.upsert(item('item-00001', 2));
    await primary.delete('item-00002');
    await until(async () => (await version('item-00002')) === undefined);
    expect(await version('item-00001')).toBe('2');
    await primary.truncate([item('new')]);
    await until(async () => (await version('new')) === '1');
    expect(await versionsIn(cache)).toEqual({ new: '1' });
    expect(await worker.answer(worker.send('reload'))).toBeNull();
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
  });

  it('is killed, and another goes on', async () => {
    await worker.kill();
    expect(await worker.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await primary.upsert(item('item-00001', 2));
    worker = start();
    await until(async () => (await version('item-00001')) === '2', 20_000);
  });

  it('is stalled, with its connections open, and goes on', async () => {
    const connections = (await client.clientList()).length;
    worker.stall();
    await primary.upsert(item('item-00001', 2));
    expect(await version('item-00001')).toBe('1');
    expect((await client.clientList()).length).toBe(connections);
    worker.resume();
    await until(async () => (await version('item-00001')) === '2');
  });
});
