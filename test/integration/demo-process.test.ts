import { once } from 'node:events';
import { type Server, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { answersAt } from '../../src/demo/redis-server/answers-at.js';
import { type DemoProcess, spawnDemo } from '../support/demo-process.js';
import { EventReader } from '../support/event-reader.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { until } from '../support/until.js';

let demo: DemoProcess;

function start(args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): DemoProcess {
  demo = spawnDemo(['--port', '0', '--primary-latency-ms', '0', ...args], environment);
  return demo;
}

afterEach(async () => {
  demo.kill('SIGKILL');
  await demo.exit();
});

describe('on a private Redis', () => {
  let hasLocalRedis: boolean;

  beforeAll(async () => {
    hasLocalRedis = await answersAt({ port: 6379 });
    if (hasLocalRedis)
      process.stderr.write('SKIPPED: a Redis at 127.0.0.1:6379 goes before a private one.\n');
  });

  /** The port of the private server, once the app is loaded. */
  async function privatePort(): Promise<number> {
    await demo.url();
    const [, port] = await demo.said(
      /^Redis: a private \S+-server at redis:\/\/127\.0\.0\.1:(\d+), because /m,
    );
    expect(await answersAt({ port: Number(port) })).toBe(true);
    return Number(port);
  }

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s: it ends with 0, and Redis with it',
    async (signal) => {
      if (hasLocalRedis) return;
      start();
      const port = await privatePort();
      demo.kill(signal);
      expect(await demo.exit()).toMatchObject({ code: 0, stderr: '' });
      expect(await answersAt({ port })).toBe(false);
    },
  );

  test('SIGKILL: Redis ends too', async () => {
    if (hasLocalRedis) return;
    start();
    const port = await privatePort();
    demo.kill('SIGKILL');
    expect(await demo.exit()).toMatchObject({ code: null, signal: 'SIGKILL' });
    await until(async () => !(await answersAt({ port })));
  });

  test('SIGTERM while it is stalled by a fault: both end', async () => {
    if (hasLocalRedis) return;
    start();
    const port = await privatePort();
    expect(await post('faults/stall-redis')).toBe(200);
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0 });
    expect(await answersAt({ port })).toBe(false);
  });

  test('when the port is in use, it says so and leaves no Redis behind', async () => {
    if (hasLocalRedis) return;
    const { server, port } = await occupiedPort();
    start(['--port', String(port)]);
    const { code, stdout, stderr } = await demo.exit();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Port ${port} on 127.0.0.1 is in use. Choose another with --port, or any free one with --port 0.\n`,
    });
    const [, redisPort] = /redis:\/\/127\.0\.0\.1:(\d+), because/.exec(stdout) ?? [];
    expect(await answersAt({ port: Number(redisPort) })).toBe(false);
    server.close();
  });
});

describe('on a given Redis', () => {
  let redis: TestRedis;
  let prefix: string;

  beforeAll(async () => {
    redis = await startTestRedis({ private: true });
  });

  afterAll(async () => {
    await redis.stop();
  });

  beforeEach(() => {
    prefix = uniquePrefix();
  });

  test('it says what it does where, and does it', async () => {
    const options = [
      '--layout',
      'hash',
      '--ttl-seconds',
      '60',
      '--records',
      '1234',
      '--cache-prefix',
      prefix,
    ];
    start(options, { REDIS_URL: redis.url });
    const url = await demo.url();
    expect(demo.output.stdout.replace(/\d+ ms/, 'n ms').split('\n')).toEqual([
      `Redis: ${redis.url}, given by REDIS_URL`,
      'Primary: in the memory of this process',
      `Layout HASH, keys ${prefix}:*, TTL 60 s`,
      `Listening on ${url}`,
      'Prefetched 1234 records in n ms',
      '',
    ]);
    const client = await redis.client();
    expect(await client.hGet(`${prefix}:cat-001234`, 'display_order')).toBe('1234');
    expect(await client.ttl(`${prefix}:cat-001234`)).toBeLessThanOrEqual(60);
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    expect(await (await fetch(url)).text()).toContain('page.js');
  });

  test('a worker that is killed says so by its name, and the other goes on', async () => {
    start(['--redis-url', redis.url, '--cache-prefix', prefix]);
    const url = await demo.url();
    expect(await post('faults/kill-worker')).toBe(200);
    await until(() => /^worker-1: .*closed/m.test(demo.output.stderr));
    await until(async () => {
      const stats = (await (await fetch(`${url}admin/stats`)).json()) as { workers: object[] };
      return JSON.stringify(stats.workers[1]) === '{"name":"worker-2","state":"following"}';
    });
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0 });
  });

  test('a worker that dies while it is replaced does not keep the app from ending', async () => {
    start(['--redis-url', redis.url, '--cache-prefix', prefix, '--workers', '1']);
    await demo.url();
    expect(await post('faults/kill-worker')).toBe(200);
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0 });
  });

  test('with --no-faults, --workers and --max-staleness-ms it is what they say', async () => {
    const options = ['--no-faults', '--workers', '3', '--max-staleness-ms', '2000'];
    start(['--redis-url', redis.url, '--cache-prefix', prefix, ...options]);
    const url = await demo.url();
    expect(await post('faults/flush-redis')).toBe(403);
    const stats = (await (await fetch(`${url}admin/stats`)).json()) as { workers: object[] };
    expect(stats.workers).toHaveLength(3);
    const client = await redis.client();
    await until(async () => (await fetch(`${url}categories/cat-001`)).status === 200);
    redis.stall();
    await until(async () => (await fetch(`${url}readyz`)).status === 503);
    redis.resume();
    await until(async () => (await fetch(`${url}categories/cat-001`)).status === 200);
    expect(await client.exists(`${prefix}:cat-001`)).toBe(1);
  });

  test('what an earlier start with more records left goes', async () => {
    const options = ['--redis-url', redis.url, '--cache-prefix', prefix];
    start([...options, '--records', '100']);
    await demo.url();
    demo.kill('SIGTERM');
    await demo.exit();
    start(options);
    const url = await demo.url();
    expect(demo.output.stdout).toContain('Prefetched 5 records');
    const state = (await (await fetch(`${url}admin/state`)).json()) as object;
    expect(state).toMatchObject({ cacheCount: 5, orphanedCount: 0 });
  });

  test('it leaves that Redis as it is', async () => {
    start(['--redis-url', redis.url, '--cache-prefix', prefix]);
    await demo.url();
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0 });
    expect(await (await redis.client()).exists(`${prefix}:cat-001`)).toBe(1);
  });

  test('on SIGTERM running requests are answered, streams end, and nobody new comes in', async () => {
    start(['--redis-port', String(redis.port), '--cache-prefix', prefix, '--primary-latency-ms', '1000']);
    const url = await demo.url();
    const stream = await EventReader.open(`${url}admin/events`);
    const headers = { 'content-type': 'application/json' };
    const running = fetch(`${url}admin/reprefetch`, { method: 'POST', headers });
    await until(async () => {
      const stats = (await (await fetch(`${url}admin/stats`)).json()) as { primaryReads: number };
      return stats.primaryReads === 2;
    });
    demo.kill('SIGTERM');
    await demo.said(/^SIGTERM: stopping$/m);
    await expect(fetch(`${url}healthz`)).rejects.toThrow();
    expect(await (await running).json()).toMatchObject({ loaded: 5 });
    await until(() => stream.isEnded);
    expect(await demo.exit()).toMatchObject({ code: 0, stderr: '' });
  });

  test('SIGTERM during the prefetch: 0, and no complaint', async () => {
    start(['--redis-url', redis.url, '--cache-prefix', prefix, '--primary-latency-ms', '60000']);
    await demo.said(/^Listening on /m);
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0, stderr: '' });
  });

  test('SIGTERM while Redis is stalled: it ends all the same', async () => {
    const stalled = await startTestRedis({ private: true });
    start(['--redis-url', stalled.url]);
    const url = await demo.url();
    stalled.stall();
    await fetch(`${url}primary/categories/cat-001`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"X"}',
    });
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0 });
    await stalled.stop();
  });

  test('a second signal does not wait', async () => {
    const stalled = await startTestRedis({ private: true });
    start(['--redis-url', stalled.url]);
    const url = await demo.url();
    stalled.stall();
    const headers = { 'content-type': 'application/json' };
    const hanging = fetch(`${url}admin/clear`, { method: 'POST', headers }).catch(() => undefined);
    await until(async () => (await (await fetch(`${url}healthz`)).json()) as object);
    demo.kill('SIGINT');
    await demo.said(/stopping/);
    demo.kill('SIGINT');
    expect(await demo.exit()).toMatchObject({ code: 130 });
    await hanging;
    await stalled.stop();
  });

  test('it says when Redis is gone and when it is back', async () => {
    const own = await startTestRedis({ private: true });
    start(['--redis-url', own.url]);
    await demo.url();
    await own.kill();
    await until(() => /^Redis is gone: /m.test(demo.output.stderr));
    await own.restart();
    await until(() => /^Redis is back\.$/m.test(demo.output.stderr));
    await own.stop();
  });

  test('an unreachable one: 1, and no other is taken', async () => {
    const { server, port } = await occupiedPort();
    server.close();
    for (const [args, environment, by] of [
      [['--redis-url', `redis://127.0.0.1:${port}`], {}, '--redis-url'],
      [['--redis-port', String(port)], {}, '--redis-port'],
      [[], { REDIS_URL: `redis://127.0.0.1:${port}` }, 'REDIS_URL'],
    ] as const) {
      start(args, environment);
      const { code, stdout, stderr } = await demo.exit();
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`The Redis given by ${by}, redis://127.0.0.1:${port}, cannot be used`);
    }
  });
});

describe('the command line', () => {
  test('--help: 0', async () => {
    start(['--help']);
    const { code, stdout } = await demo.exit();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: npm start -- \[options\]/);
  });

  test.each([
    [['--colour', 'red'], {}, /--colour/],
    [['--port', 'x'], {}, /--port/],
    [['--layout', 'xml'], {}, /--layout/],
    [[], { PREFETCH_TTL_SECONDS: '-1' }, /PREFETCH_TTL_SECONDS/],
  ])('%j with %j: 2, with usage', async (args, environment, message) => {
    start(args, environment);
    const { code, stdout, stderr } = await demo.exit();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(message);
    expect(stderr).toContain('Usage: npm start');
  });
});

async function post(route: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${await demo.url()}admin/${route}`, { method: 'POST', headers })).status;
}

async function occupiedPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
