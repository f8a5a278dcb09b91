import { PrefetchError } from '../errors.js';
import type { RedisClient } from './client.js';
import { toPrefetchError } from './failure.js';

/** Reads that Redis has not answered yet are bounded, or a stalled server would fill the memory of the process. */
const maxUnanswered = 10_000;

/** Answers every read within its deadline, whatever Redis does. */
export class TimelyReader {
  readonly #client: RedisClient;
  #unanswered = 0;
  #reconnected: Promise<void> | undefined;
  #outageSince = 0;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** @throws PrefetchError when there is no answer in time, or none can be expected */
  async read<R>(deadlineMs: number, work: () => Promise<R>): Promise<R> {
    const client = this.#client;
    const startedAt = performance.now();
    let leftMs = deadlineMs;
    for (;;) {
      if (!client.isReady) {
        if (!client.isOpen) throw toPrefetchError(new Error('The client is closed'));
        await this.#reconnection(leftMs, deadlineMs);
        leftMs = Math.max(1, deadlineMs - (performance.now() - startedAt));
      }
      try {
        return await this.#within(leftMs, work);
      } catch (error) {
        // When the connection breaks while the answer is on its way, it is asked for again.
        const isBroken = !client.isReady && (error as PrefetchError).code === 'ERR_PREFETCH_UNAVAILABLE';
        leftMs = deadlineMs - (performance.now() - startedAt);
        if (!isBroken || leftMs <= 0) throw error;
      }
    }
  }

  /**
   * A short outage is waited for, with nothing queued in the client. Once it has lasted longer than a deadline,
   * the answer is immediate: requests must not pile up behind a server that is gone.
   */
  async #reconnection(leftMs: number, deadlineMs: number): Promise<void> {
    this.#reconnected ??= new Promise<void>((resolve) => {
      this.#outageSince = performance.now();
      this.#client.once('ready', () => {
        this.#reconnected = undefined;
        resolve();
      });
    });
    const patience = Math.min(leftMs, deadlineMs - (performance.now() - this.#outageSince));
    const down = 'Redis is not connected';
    if (patience <= 0) throw new PrefetchError('ERR_PREFETCH_UNAVAILABLE', `${down}.`);
    await expiring(
      this.#reconnected,
      patience,
      () => new PrefetchError('ERR_PREFETCH_UNAVAILABLE', `${down}.`),
    );
  }

  async #within<R>(deadlineMs: number, work: () => Promise<R>): Promise<R> {
    if (this.#unanswered >= maxUnanswered) {
      throw new PrefetchError(
        'ERR_PREFETCH_UNAVAILABLE',
        `Redis owes ${maxUnanswered} answers; no more are asked for.`,
      );
    }
    this.#unanswered++;
    const answer = work().finally(() => this.#unanswered--);
    try {
      return await expiring(
        answer,
        deadlineMs,
        () =>
          new PrefetchError(
            'ERR_PREFETCH_DEADLINE',
            `Redis did not answer within ${Math.ceil(deadlineMs)} ms.`,
          ),
      );
    } catch (error) {
      throw toPrefetchError(error);
    }
  }
}

function expiring<R>(work: Promise<R>, ms: number, expired: () => Error): Promise<R> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(expired());
    }, ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
