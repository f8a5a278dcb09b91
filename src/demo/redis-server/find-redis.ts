import type { ChildProcess } from 'node:child_process';
import type { GivenRedis } from '../options.js';
import { composeUp, dockerAnswers } from './docker-redis.js';
import { type System, installRedisServer } from './install.js';
import { startPrivateRedis } from './private-redis.js';
import { whyUnreachable } from './reachable.js';
import { findServerBinary } from './server-binary.js';

/** The Redis that the sample app uses. */
export interface FoundRedis {
  readonly url: string;
  /** Which it is and why, in one line without a password. */
  readonly note: string;
  /** Ends it if it was started for us. */
  readonly stop: () => Promise<void>;
  /** Its process, if it was started for us. */
  readonly process?: ChildProcess;
}

export class NoRedisError extends Error {
  override readonly name = 'NoRedisError';
}

export interface FindRedisOptions {
  readonly given: GivenRedis | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** Where docker-compose.yml lies. */
  readonly projectDirectory: string;
  /** Told what takes long or changes the machine, before it is done. */
  readonly say: (line: string) => void;
  /** @default redis://127.0.0.1:6379 */
  readonly localUrl?: string;
  /** @default this machine */
  readonly system?: System;
}

const leaveIt = () => Promise.resolve();

/** A Redis, or why it could not be had this way. */
type Attempt = Omit<FoundRedis, 'note'> & { what: string };

/** @throws NoRedisError */
export async function findRedis(options: FindRedisOptions): Promise<FoundRedis> {
  if (options.given) return givenRedis(options.given);
  const reasons: string[] = [];
  for (const attempt of [local, fromPath, docker, installed]) {
    const found = await attempt(options);
    if (typeof found !== 'string') {
      const { what, ...redis } = found;
      return { ...redis, note: `${what}, because ${reasons.join(', ') || 'it answers there'}` };
    }
    reasons.push(found);
  }
  throw new NoRedisError(`No Redis: ${reasons.join(', ')}.
Type one of these, then start again:
  Debian, Ubuntu   sudo apt-get install redis-server
  macOS            brew install redis
  Docker           docker run --rm -p 6379:6379 redis:8
Or name one with --redis-url.`);
}

async function givenRedis({ url, by }: GivenRedis): Promise<FoundRedis> {
  const why = await whyUnreachable(url);
  const shown = withoutPassword(url);
  if (why !== undefined)
    throw new NoRedisError(`The Redis given by ${by}, ${shown}, cannot be used: ${why}.`);
  return { url, note: `${shown}, given by ${by}`, stop: leaveIt };
}

async function local({
  localUrl: url = 'redis://127.0.0.1:6379',
}: FindRedisOptions): Promise<Attempt | string> {
  const why = await whyUnreachable(url);
  if (why === undefined) return { url, what: url, stop: leaveIt };
  return why.includes('ECONNREFUSED') ? `nothing answers at ${url}` : `${url} cannot be used (${why})`;
}

async function fromPath({ environment }: FindRedisOptions): Promise<Attempt | string> {
  const binary = await findServerBinary(environment['PATH']);
  if (binary === undefined) return 'neither redis-server nor valkey-server is on the PATH';
  try {
    const { url, stop, process } = await startPrivateRedis({ binary });
    return { url, what: `a private ${binary} at ${url}`, stop, process };
  } catch (error) {
    return String(error).split('\n', 1).join('');
  }
}

async function docker(options: FindRedisOptions): Promise<Attempt | string> {
  const { environment, projectDirectory, say, localUrl: url = 'redis://127.0.0.1:6379' } = options;
  if (!(await dockerAnswers(environment))) return 'no Docker engine answers';
  say('Starting Redis: docker compose up -d --wait redis');
  if (!(await composeUp(projectDirectory, environment))) return 'docker compose up redis failed';
  const why = await whyUnreachable(url);
  if (why !== undefined) return `the Redis of docker compose cannot be used at ${url} (${why})`;
  return { url, what: `the redis of docker compose at ${url}`, stop: leaveIt };
}

async function installed(options: FindRedisOptions): Promise<Attempt | string> {
  const outcome = await installRedisServer(options.say, options.environment, options.system);
  return outcome.installed ? fromPath(options) : outcome.why;
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}
