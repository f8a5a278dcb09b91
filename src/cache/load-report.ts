import type { Refusal } from './change.js';

export interface LoadProgress {
  readonly loaded: number;
  readonly refused: number;
}

export interface LoadReport extends LoadProgress {
  /** The first 100 refused records, with reasons. */
  readonly refusals: readonly Refusal<unknown>[];
  readonly elapsedMs: number;
}
