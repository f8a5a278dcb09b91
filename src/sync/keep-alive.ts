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

  /** Every record was written or renewed after this moment of the server's clock. */
  get aliveSince(): number {
    return this.#aliveSince;
  }

  /**
   * Sweeps once, without rests, and says whether the dataset is loaded still: of records that an earlier worker left,
   * nobody knows how soon they expire.
   */
  async renew(): Promise<boolean> {
    await this.#sweep(0);
    return (await this.#repository.loadNote()) !== null;
  }

  /** Sweeps until the signal aborts. `onSweep` hears how each ended; after one that failed the next comes earlier. */
  async run(onSweep: (error: Error | null) => void): Promise<void> {
    let pauseMs = this.#periodMs;
    while (!this.#signal.aborted) {
      try {
        await sleep(pauseMs, undefined, { signal: this.#signal, ref: false });
        const startedAt = performance.now();
        await this.#sweep(restFactor);
        onSweep(null);
        pauseMs = Math.max(0, this.#periodMs - (performance.now() - startedAt));
      } catch (error) {
        onSweep(error as Error);
        pauseMs = this.#periodMs / 10;
      }
    }
  }

  async #sweep(rest: number): Promise<void> {
    const begunAt = await this.#repository.now();
    const startedAt = performance.now();
    let pageStartedAt = startedAt;
    let records = 0;
    for await (const renewed of this.#repository.renewAll()) {
      records += renewed;
      const now = performance.now();
      const isLate = now - startedAt > this.#periodMs;
      if (rest > 0 && !isLate) {
        await sleep((now - pageStartedAt) * rest, undefined, { signal: this.#signal, ref: false });
      }
      pageStartedAt = performance.now();
    }
    await this.#repository.renewLoadNote(begunAt);
    this.#aliveSince = begunAt;
    this.#repository.tellKeptAlive(records, Math.round(performance.now() - startedAt));
  }
}
