import { type RedisClient, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Keys } from '../redis/keys.js';
import { serverTime } from '../redis/server-time.js';

/**
 * Tells how long ago the worker was last heard of. The worker writes the time of the server, which is asked for
 * together with it; the clock of this process only measures what has passed since. What is known serves all lookups
 * until it is too old for them, and is renewed in good time, so that as a rule none of them waits for it.
 *
 * At most one question is on its way and one waits. The latest answer counts, also when it says less than the one
 * before: a server that lost the heartbeat lost records too.
 */
export class Freshness {
  readonly #client: RedisClient;
  readonly #key: string;
  /** When the worker was last heard of, by the clock of this process: rather too early than too late. */
  #heardAt = -Infinity;
  #askedAt = -Infinity;
  #asking: Promise<number> | undefined;
  #waiting: Promise<number> | undefined;

  constructor(client: RedisClient, keys: Keys) {
    this.#client = client;
    this.#key = keys.heartbeat;
  }

  /** Whether the worker has not been heard of for longer. A promise only where Redis must be asked. */
  isStale(maxStalenessMs: number): boolean | Promise<boolean> {
    const now = performance.now();
    const ageMs = now - this.#heardAt;
    if (ageMs > maxStalenessMs) return this.#isStaleByAsking(now, maxStalenessMs);
    const isDue = ageMs > maxStalenessMs / 2 && now - this.#askedAt > maxStalenessMs / 20;
    if (isDue && this.#asking === undefined && this.#client.isReady) this.ask().catch(() => undefined);
    return false;
  }

  /** How long ago the worker was heard of when the answer was given; Infinity when it never was. */
  ask(): Promise<number> {
    return (this.#waiting ??= this.#askNext());
  }

  /** What is on its way may do, corrected by how long it has been; if not, only an answer to a question sent from now on. */
  async #isStaleByAsking(now: number, maxStalenessMs: number): Promise<boolean> {
    if (this.#asking !== undefined) {
      await this.#asking.catch(() => undefined);
      if (now - this.#heardAt <= maxStalenessMs) return false;
    }
    return (await this.ask()) > maxStalenessMs;
  }

  async #askNext(): Promise<number> {
    await this.#asking?.catch(() => undefined);
    this.#waiting = undefined;
    this.#asking = this.#question();
    try {
      return await this.#asking;
    } finally {
      this.#asking = undefined;
    }
  }

  async #question(): Promise<number> {
    const askedAt = (this.#askedAt = performance.now());
    const [heartbeat, now] = await Promise.all([this.#heartbeat(), serverTime(this.#client)]);
    const ageMs = ageOf(heartbeat, now);
    this.#heardAt = askedAt - ageMs;
    return ageMs;
  }

  async #heartbeat(): Promise<unknown> {
    try {
      return await send(this.#client, ['GET', this.#key]);
    } catch (error) {
      if (toPrefetchError(error).code === 'ERR_PREFETCH_WRONG_TYPE') return null; // not the worker's
      throw error;
    }
  }
}

/** A time that has not come yet is that of a clock which was set back, or of another server: it says nothing. */
function ageOf(heartbeat: unknown, now: number): number {
  if (typeof heartbeat !== 'string' || !/^\d+$/.test(heartbeat)) return Infinity;
  const ageMs = now - Number(heartbeat);
  return ageMs < 0 ? Infinity : ageMs;
}
