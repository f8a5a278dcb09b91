import type { PrefetchError } from '../errors.js';

/** What a key must hold for a transaction to take effect. */
export interface Condition {
  readonly key: string;
  readonly holds: string;
  /** What it means when it does not. */
  readonly otherwise: () => PrefetchError;
}
