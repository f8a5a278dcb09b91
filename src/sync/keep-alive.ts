import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import type { SyncRepository } from '../cache/sync-repository.js';
import { publish } from '../events.js';

/** Redis rests nine times as long as it works for us, unless the sweep would come too late. */
const restFactor = 9;
const longestTimerMs = 2 ** 31 - 1;

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
    this.#periodMs = Math.min(longestTimerMs, (repository.dataset.ttlSeconds * 1000) / 3);
  }

  /** Every record was written or renewed after this moment of the server's clock. */
  get aliveSince(): number {
    return this.#aliveSince;
  }

  /**
   * Sweeps once, without rests, unless an earlier worker has done it lately, and says whether the dataset is loaded
   * still. The load note tells: no record expires before it does.
   */
  async renewIfDue(): Promise<boolean> {
    const { access } = this.#repository;
    const leftMs = (await access.ask(['PTTL', access.dataset.keys.loadNote])) as number;
    if (leftMs <= 0) return false;
    return leftMs > 2 * this.#periodMs || this.#sweep(0);
  }

  /**
   * Sweeps until the signal aborts. `onSweep` hears how each ended; after one that failed the next comes earlier.
   * `onLost` hears that Redis no longer has the dataset, whoever or whatever removed it.
   */
  async run(onSweep: (error: Error | null) => void, onLost: () => void): Promise<void> {
    let pauseMs = this.#periodMs;
    const isOver = () => this.#signal.aborted;
    while (!isOver()) {
      try {
        await sleep(pauseMs, undefined, { signal: this.#signal, ref: false });
        const startedAt = performance.now();
        const isLoaded = await this.#sweep(restFactor);
        onSweep(null);
        if (!isLoaded) onLost();
        pauseMs = Math.max(0, this.#periodMs - (performance.now() - startedAt));
      } catch (error) {
        if (isOver()) return;
        onSweep(error as Error);
        pauseMs = this.#periodMs / 10;
      }
    }
  }

  /** Says whether the dataset is loaded still. */
  async #sweep(rest: number): Promise<boolean> {
    const begunAt = await this.#repository.access.now();
    const startedAt = performance.now();
    let pageStartedAt = startedAt;
    let records = 0;
    // A Redis that was set back meanwhile must not keep the note longer than the records.
    const sweep = this.#repository.access.writer.fence?.sweep();
    for await (const renewed of this.#repository.renewAll(sweep)) {
      records += renewed;
      const now = performance.now();
      const restMs = Math.min((now - pageStartedAt) * rest, this.#periodMs - (now - startedAt));
      if (restMs > 0) await sleep(restMs, undefined, { signal: this.#signal, ref: false });
      pageStartedAt = performance.now();
    }
    const isLoaded = await this.#repository.loads.renew(begunAt, sweep);
    this.#aliveSince = begunAt;
    if (isLoaded) this.#tell(records, Math.round(performance.now() - startedAt));
    return isLoaded;
  }

  #tell(records: number, elapsedMs: number): void {
    publish({ type: 'kept-alive', dataset: this.#repository.dataset.name, records, elapsedMs });
  }
}
