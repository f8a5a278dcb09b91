import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const patienceMs = 15_000;

const main = join(process.cwd(), 'dist/esm/demo/main.js');

/** The sample app in a process of its own, as `npm start` runs it. */
export interface SampleApp {
  readonly url: string;
  readonly port: number;
  /** Sends JSON as another client of the app would, and gives the status back. */
  send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<number>;
  get(path: string): Promise<unknown>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSampleApp(
  redisUrl: string | undefined,
  options: readonly string[] = [],
  port = 0,
): Promise<SampleApp> {
  if (!existsSync(main)) throw new Error('The sample app is not built: type npm run build.');
  const child = spawn(
    process.execPath,
    [
      ...[main, '--port', String(port), '--primary-latency-ms', '5'],
      ...(redisUrl === undefined ? [] : ['--redis-url', redisUrl]),
      ...options,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    await ended;
    clearTimeout(impatience);
  };
  const url = await ready(child).catch(async (error: unknown) => {
    await end('SIGKILL');
    throw error;
  });
  return {
    url,
    port: Number(new URL(url).port),
    async send(method, path, body = {}) {
      const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      return (await fetch(new URL(path, url), init)).status;
    },
    get: async (path) => (await fetch(new URL(path, url))).json(),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

async function ready(child: ChildProcess): Promise<string> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  const deadline = performance.now() + patienceMs;
  while (child.exitCode === null && performance.now() < deadline) {
    const url = /https?:\/\/[^\s/]+:\d+/.exec(said)?.[0];
    if (url !== undefined && (await isReady(url))) return url;
    await pause(10);
  }
  throw new Error(`The sample app did not become ready. It said:\n${said}`);
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(new URL('/readyz', url)).catch(() => undefined);
  return answer?.ok === true;
}
