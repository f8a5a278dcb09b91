import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import type { SyncRepository } from '../cache/sync-repository.js';

/** Redis rests four times as long as it works for us, unless the sweep would come too late. */
const restFactor = 4;

/**
 * Renews the TTL of every record three times in its length, so that nothing expires while the worker lives and
 * everything does when it is gone.
 */
export class KeepAlive<T extends Entity> {
  readonly #repository: SyncRepository<T>;
  readonly #signal: AbortSignal;
  readonly #periodMs: number;
  #aliveSince = -Infinity;

  constructor(repository: SyncRepository<T>, signal: AbortSignal) {
    this.#repository = repository;
    this.#signal = signal;
    this.#periodMs = (repository.dataset.ttlSeconds * 1000) / 3;
  }

  /** Every record was written or renewed after this moment of `performance.now()`. */
  get aliveSince(): number {
    return this.#aliveSince;
  }

  /** Sweeps until the signal aborts. `onSweep` hears how each ended; after one that failed the next comes earlier. */
  async run(onSweep: (error: Error | null) => void): Promise<void> {
    let pauseMs = this.#periodMs;
    while (!this.#signal.aborted) {
      try {
        await sleep(pauseMs, undefined, { signal: this.#signal, ref: false });
        const begunAt = performance.now();
        await this.#sweep(begunAt);
        onSweep(null);
        pauseMs = Math.max(0, this.#periodMs - (performance.now() - begunAt));
      } catch (error) {
        onSweep(error as Error);
        pauseMs = this.#periodMs / 10;
      }
    }
  }

  async #sweep(begunAt: number): Promise<void> {
    let pageBegunAt = begunAt;
    let records = 0;
    for await (const renewed of this.#repository.renewAll()) {
      records += renewed;
      const now = performance.now();
      const isLate = now - begunAt > this.#periodMs;
      if (!isLate)
        await sleep((now - pageBegunAt) * restFactor, undefined, { signal: this.#signal, ref: false });
      pageBegunAt = performance.now();
    }
    await this.#repository.renewLoadNote(begunAt);
    this.#aliveSince = begunAt;
    this.#repository.tellKeptAlive(records, Math.round(performance.now() - begunAt));
  }
}
