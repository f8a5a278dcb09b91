import { randomUUID } from 'node:crypto';
import { type RedisClient, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import { Fence, leaseLost, stateLost } from '../redis/fence.js';
import type { Keys } from '../redis/keys.js';

/**
 * Takes the lease if it is free, or held by this worker's own earlier token. Returns who has it then. Sent again, it
 * finds what the first time did. A full server refuses only the first write of a script, and DEL needs no memory.
 */
const takeScript = `
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or (holder and holder ~= ARGV[2]) then return holder end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[4])
return ARGV[1]`;

const keepScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lease lost'} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local stamp = redis.call('GET', KEYS[2])
if stamp ~= ARGV[3] and stamp ~= ARGV[4] then return {'state lost'} end
if ARGV[5] ~= '' then
  local now = redis.call('TIME')
  local ms = now[1] * 1000 + math.floor(now[2] / 1000)
  redis.call('SET', KEYS[3], string.format('%.0f', ms), 'PX', ARGV[5])
end
return {'kept', redis.call('EXISTS', KEYS[4]), redis.call('XRANGE', KEYS[5], '-', '+', 'COUNT', '100')}`;

const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

type Entry = readonly [id: string, fields: string[]];

/** What the writer hears when it says that it is there. */
export interface Kept {
  /** The load note is there. */
  readonly isLoaded: boolean;
  readonly commands: readonly Entry[];
}

/** The right to write a dataset: one worker has it at a time, and loses it when it is not heard of. */
export class Lease {
  readonly #client: RedisClient;
  readonly #keys: Keys;
  readonly #name: string;
  readonly #lifetimeMs: number;
  readonly #heartbeatLifetimeMs: number;
  #token = '';
  #lastTried = '';
  /** Asked for, and not answered yet: Redis may have given it. */
  #asked: Fence | undefined;

  constructor(
    client: RedisClient,
    keys: Keys,
    name: string,
    lifetimeMs: number,
    heartbeatLifetimeMs: number,
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#name = name;
    this.#lifetimeMs = lifetimeMs;
    this.#heartbeatLifetimeMs = heartbeatLifetimeMs;
  }

  /** The fence of a new term, or the name of the worker that writes. */
  async take(): Promise<Fence | string> {
    const fence = (this.#asked ??= new Fence(this.#keys, `${this.#name}/${randomUUID()}`));
    this.#lastTried = fence.token;
    const { lease, stamp } = this.#keys;
    const args = [fence.token, this.#token, String(this.#lifetimeMs), fence.firstStamp];
    const holder = (await this.#eval(takeScript, [lease, stamp], args)) as string;
    this.#asked = undefined;
    if (holder !== fence.token) return nameOf(holder);
    this.#token = fence.token;
    return fence;
  }

  /**
   * To be called often enough that the lease does not expire.
   *
   * @param isFollowing readers are told that the dataset is kept current
   * @throws PrefetchError `ERR_PREFETCH_LEASE_LOST`, `ERR_PREFETCH_STATE_LOST`
   */
  async keep(fence: Fence, isFollowing: boolean): Promise<Kept> {
    const { lease, stamp, heartbeat, loadNote, commands } = this.#keys;
    const args = [
      fence.token,
      String(this.#lifetimeMs),
      ...fence.stamps,
      isFollowing ? String(this.#heartbeatLifetimeMs) : '',
    ];
    const reply = await this.#eval(keepScript, [lease, stamp, heartbeat, loadNote, commands], args);
    const [outcome, notes, entries] = reply as [outcome: string, notes?: number, entries?: Entry[]];
    if (outcome === 'lease lost') throw leaseLost();
    if (outcome === 'state lost') throw stateLost();
    return { isLoaded: notes === 1, commands: entries ?? [] };
  }

  /** Lets another worker have it, also what was asked for and not answered yet. */
  async release(): Promise<void> {
    await this.#eval(releaseScript, [this.#keys.lease], [this.#lastTried]);
  }

  async #eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await send(this.#client, ['EVAL', script, String(keys.length), ...keys, ...args]);
    } catch (error) {
      throw toPrefetchError(error);
    }
  }
}

/** The token is the name of the worker and something that no other token has. */
export function nameOf(token: string): string {
  return token.slice(0, token.lastIndexOf('/'));
}
