import type { Entity } from 'redis-om';
import type { RedisCommand } from '../redis/client.js';
import type { Change, Refusal } from './change.js';
import type { Cause } from './journal.js';
import type { RecordTransaction } from './record-transaction.js';

/** Changes as Redis OM maps them, ready to be sent: what costs time is done, and nothing is written yet. */
export interface PreparedChanges<T extends Entity> {
  readonly changes: readonly Change<T>[];
  readonly refusals: readonly Refusal<Change<T>>[];
  /** A truncate is among them: first every record must go, one page after the other. */
  readonly removesAll: boolean;
  /** What there is to write after the last truncate. */
  readonly transaction: RecordTransaction<T>;
}

export interface ApplyContext {
  /** @default 'apply' */
  readonly cause?: Cause;
  readonly position?: string;
  /** What becomes true in the same transaction as the changes. What it throws prevents it. */
  readonly also?: (refusals: readonly Refusal<unknown>[]) => readonly RedisCommand[];
}
