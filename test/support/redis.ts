import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { installRedisServer } from '../../src/demo/redis-server/install.js';
import { type PrivateRedis, startPrivateRedis } from '../../src/demo/redis-server/private-redis.js';
import { findServerBinary } from '../../src/demo/redis-server/server-binary.js';
import { type DataFiles, makeDataFiles } from './redis-data-files.js';
import { type RedisMoods, redisMoods } from './redis-moods.js';

export type TestClient = ReturnType<typeof newClient>;

export interface TestRedis extends RedisMoods {
  readonly url: string;
  readonly port: number;
  /** True: the server of TEST_REDIS_URL, which others may use too. Never flush, kill or stall it. */
  readonly isShared: boolean;
  /** Process id of the private server. */
  readonly pid: number;
  /** A connected client, closed by stop(). */
  client(): Promise<TestClient>;
  /** Ends the private server as a crash would; the port stays ours. */
  kill(): Promise<void>;
  /**
   * Starts it on the same port again, and ends it before if need be: empty, or with all that it had, as one that keeps
   * every write, or with what it had at the time of a copy, as one that was set back.
   */
  restart(data?: 'kept' | RedisCopy): Promise<void>;
  /** All that the private server has now. */
  copy(): Promise<RedisCopy>;
  /** Freezes the private server: connections stay open and nothing answers. */
  stall(): void;
  resume(): void;
  /** Closes the clients and ends the private server, or removes the keys of uniquePrefix() from the shared one. */
  stop(): Promise<void>;
}

/** For restart(). */
export interface RedisCopy {
  readonly file: string;
}

export interface TestRedisOptions {
  /** For tests that kill, stall, flush or configure their server. @default false */
  private?: boolean;
  /** More options of the private server, such as ['--maxmemory', '20mb']; with them it is always private. */
  args?: readonly string[];
}

/** The server of a test file: a private one, or that of TEST_REDIS_URL where the file can share. */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const sharedUrl = process.env['TEST_REDIS_URL'] ?? '';
  const isShared = sharedUrl !== '' && options.private !== true && options.args === undefined;
  const files = isShared ? undefined : await makeDataFiles();
  const start = async (ownPort?: number) =>
    startPrivateRedis({
      binary: await serverBinary(),
      args: [...(files?.args ?? []), ...(options.args ?? [])],
      ...(ownPort !== undefined && { port: ownPort }),
    });
  let server = isShared ? undefined : await start();
  const url = server?.url ?? sharedUrl;
  const port = server?.port ?? Number(new URL(url).port || 6379);
  const clients: TestClient[] = [];

  const own = (): { server: PrivateRedis; files: DataFiles } => {
    if (server !== undefined && files !== undefined) return { server, files };
    throw new Error('A shared server: ask for startTestRedis({ private: true }).');
  };
  const client = async () => {
    const made = newClient(url);
    clients.push(made);
    await made.connect();
    return made;
  };
  let admin: Promise<TestClient> | undefined;
  const ask = async (command: readonly string[]): Promise<unknown> => {
    own();
    return (await (admin ??= client())).sendCommand([...command]);
  };

  return {
    url,
    port,
    isShared,
    get pid() {
      return own().server.pid;
    },
    client,
    kill: () => own().server.stop(),
    async copy() {
      await ask(['SAVE']);
      return own().files.copy();
    },
    async restart(data) {
      if (data === 'kept') {
        ask(['SHUTDOWN', 'SAVE']).catch(() => undefined); // it ends without an answer
        await own().server.ended;
      }
      await own().server.stop();
      if (data !== 'kept') await own().files.replace(data?.file);
      server = await start(port);
    },
    stall() {
      own().server.process.kill('SIGSTOP');
    },
    resume() {
      own().server.process.kill('SIGCONT');
    },
    ...redisMoods(ask),
    async stop() {
      if (isShared) await removeOwnKeys(await client());
      for (const open of clients) if (open.isOpen) open.destroy();
      await server?.stop();
      await files?.remove();
    },
  };
}

const prefixes = new Set<string>();

/** A schema name that no other test uses. */
export function uniquePrefix(name = 'cache:category'): string {
  const prefix = `${name}-${randomUUID().slice(0, 8)}`;
  prefixes.add(prefix);
  return prefix;
}

async function removeOwnKeys(client: TestClient): Promise<void> {
  for (const prefix of prefixes) {
    for (const pattern of [`${prefix}:*`, `prefetch:{${prefix}}:*`]) {
      for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1000 })) {
        if (keys.length > 0) await client.unlink(keys);
      }
    }
  }
}

function newClient(url: string) {
  const client = createClient({
    url,
    socket: { reconnectStrategy: (retries) => Math.min(retries * 10, 100) },
  });
  client.on('error', () => undefined);
  return client;
}

/** redis-server or valkey-server, installed if that is allowed here. */
export async function serverBinary(): Promise<string> {
  const found = await findServerBinary();
  if (found !== undefined) return found;
  const outcome = await installRedisServer((line) => process.stderr.write(`${line}\n`));
  const installed = await findServerBinary();
  if (installed !== undefined) return installed;
  throw new Error(
    `The tests need redis-server or valkey-server on the PATH, or TEST_REDIS_URL${outcome.installed ? '' : `: ${outcome.why}`}.`,
  );
}
