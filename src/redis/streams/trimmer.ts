import type { PrefetchError, PrefetchErrorCode } from '../../errors.js';
import { type RedisClient, send } from '../client.js';
import { compareEntryIds } from './entry-id.js';
import { streamError } from './stream-error.js';

/**
 * Removes what is before an entry and keeps the entry, which is what shows later that nothing after it was lost. If it
 * is not there, this is another stream than the one that was read: its entries are nobody's to remove.
 */
const script = `
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])`;

/** A later trim makes up for it. */
const willPass: readonly PrefetchErrorCode[] = ['ERR_PREFETCH_UNAVAILABLE', 'ERR_PREFETCH_CLIENT_CLOSED'];

/** Trims a stream up to what all sessions that read it here have acknowledged, while they go on. */
export class Trimmer {
  readonly #client: RedisClient;
  readonly #stream: string;
  /** What each session still needs: this entry and all after it. */
  readonly #needed = new Map<object, string>();
  #isWanted = false;
  #trimming: Promise<void> | undefined;
  #failure: PrefetchError | undefined;

  constructor(client: RedisClient, stream: string) {
    this.#client = client;
    this.#stream = stream;
  }

  /** Nothing after the position is removed until the session has acknowledged it, or is released. */
  keep(session: object, position: string): void {
    const before = this.#needed.get(session);
    if (before === undefined || compareEntryIds(position, before) < 0) this.#needed.set(session, position);
  }

  release(session: object): void {
    this.#needed.delete(session);
  }

  /**
   * Does not wait until it is done.
   *
   * @throws PrefetchError when Redis refused an earlier trim: the stream would grow without end
   */
  acknowledge(session: object, position: string): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const before = this.#needed.get(session);
    if (before === undefined || compareEntryIds(position, before) > 0) this.#needed.set(session, position);
    this.#isWanted = true;
    this.#trimming ??= this.#trim().finally(() => (this.#trimming = undefined));
    return Promise.resolve();
  }

  /** Resolves when no trim is on its way. */
  async settled(): Promise<void> {
    await this.#trimming;
  }

  async #trim(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      const [oldest] = [...this.#needed.values()].sort(compareEntryIds);
      if (oldest === undefined) return;
      try {
        await send(this.#client, ['EVAL', script, '1', this.#stream, oldest]);
      } catch (error) {
        const failure = streamError(this.#stream, error);
        if (!willPass.includes(failure.code)) this.#failure = failure;
      }
    }
  }
}
