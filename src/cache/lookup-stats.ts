import type { LookupOutcome } from '../events.js';

export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly notLoaded: number;
  readonly unavailable: number;
  /** Hits among hits and misses, in percent; 0 before the first lookup. */
  readonly hitRatePct: number;
  readonly prefetched: number;
  readonly changesApplied: number;
  readonly syncLagMsAvg: number;
  readonly syncLagMsMax: number;
}

/** Counts what one cache object did, in this process, since it was made or reset. */
export class LookupStats {
  #outcomes: Record<LookupOutcome, number> = { hit: 0, miss: 0, 'not-loaded': 0, unavailable: 0 };
  #prefetched = 0;
  #changesApplied = 0;
  #lagSamples = 0;
  #lagSumMs = 0;
  #lagMaxMs = 0;

  countLookups(outcome: LookupOutcome, lookups = 1): void {
    this.#outcomes[outcome] += lookups;
  }

  countPrefetched(records: number): void {
    this.#prefetched += records;
  }

  /** Counts a change, and how long ago it happened in the primary if the source says so. */
  countChange(timestampMs: number | undefined, now = Date.now()): void {
    this.#changesApplied++;
    if (timestampMs === undefined) return;
    const lagMs = Math.max(0, now - timestampMs);
    this.#lagSamples++;
    this.#lagSumMs += lagMs;
    this.#lagMaxMs = Math.max(this.#lagMaxMs, lagMs);
  }

  read(): CacheStats {
    const { hit, miss, unavailable } = this.#outcomes;
    return {
      hits: hit,
      misses: miss,
      notLoaded: this.#outcomes['not-loaded'],
      unavailable,
      hitRatePct: hit + miss === 0 ? 0 : round((100 * hit) / (hit + miss)),
      prefetched: this.#prefetched,
      changesApplied: this.#changesApplied,
      syncLagMsAvg: this.#lagSamples === 0 ? 0 : round(this.#lagSumMs / this.#lagSamples),
      syncLagMsMax: round(this.#lagMaxMs),
    };
  }

  reset(): void {
    this.#outcomes = { hit: 0, miss: 0, 'not-loaded': 0, unavailable: 0 };
    this.#prefetched = 0;
    this.#changesApplied = 0;
    this.#lagSamples = 0;
    this.#lagSumMs = 0;
    this.#lagMaxMs = 0;
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
