import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { answersAt } from './answers-at.js';
import { startWatchdog } from '../watchdog.js';

/** A Redis server of our own, gone without a trace when it is stopped or this process ends, however it ends. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface PrivateRedisOptions {
  /** A redis-server or valkey-server executable. */
  binary: string;
  /** More options of the server; they win over ours. */
  args?: readonly string[];
  /** @default a free one */
  port?: number;
  /** @default 10000 */
  startTimeoutMs?: number;
}

const attempts = 5;

/** Starts a server on 127.0.0.1, without persistence, and resolves when it answers. */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(options.port ?? (await freePort()), options);
    } catch (error) {
      const isTaken = /address already in use/i.test(messageOf(error));
      if (!isTaken || attempt === attempts || options.port !== undefined) throw error;
    }
  }
}

async function start(port: number, options: PrivateRedisOptions): Promise<PrivateRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'prefetch-redis-'));
  const socket = join(directory, 'socket');
  const log = join(directory, 'log');
  const output = await open(log, 'a');
  const watchdog = startWatchdog(directory);
  // Detached, so that Ctrl-C in a terminal reaches the app only: it still needs its Redis while it shuts down.
  const server = spawn(
    options.binary,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socket, '--dir', directory],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', ...(options.args ?? [])],
    ],
    { stdio: ['ignore', output.fd, output.fd], detached: true },
  );
  const ended = new Promise<void>((resolve) => {
    server.once('error', () => {
      resolve();
    });
    server.once('exit', () => {
      resolve();
    });
  }).then(() => {
    watchdog.ended();
  });
  const stop = async () => {
    server.ref();
    server.kill('SIGKILL');
    await ended;
    watchdog.release();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await once(server, 'spawn');
    const { pid = 0 } = server;
    watchdog.guard(pid);
    // The socket is ours for certain; on the port a stranger may be quicker, and then the server ends.
    await answering(socket, server, options.startTimeoutMs ?? 10_000);
    return { url: `redis://127.0.0.1:${port}`, port, pid, process: server, ended, stop };
  } catch (cause) {
    const said = (await readFile(log, 'utf8')).trim().split('\n').slice(-3).join('\n');
    await stop();
    throw new Error(`${options.binary} did not start: ${messageOf(cause)}\n${said}`, { cause });
  } finally {
    await output.close();
    server.unref();
  }
}

async function answering(socket: string, server: ChildProcess, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await answersAt({ path: socket }))) {
    if (server.exitCode !== null || server.signalCode !== null) {
      throw new Error(`it ended with ${String(server.exitCode ?? server.signalCode)}`);
    }
    if (performance.now() > deadline) throw new Error(`no answer within ${timeoutMs} ms`);
    await pause(5);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Not instanceof: errors of node:child_process come from another realm when this runs under Jest. */
function messageOf(error: unknown): string {
  return (error as Error).message;
}
