import type { Entity } from 'redis-om';
import type { RedisCommand } from '../redis/client.js';
import type { Change, Refusal } from './change.js';
import type { RecordTransaction } from './record-transaction.js';

/** Changes as Redis OM maps them, ready to be sent: what costs time is done, and nothing is written yet. */
export interface PreparedChanges<T extends Entity> {
  readonly changes: readonly Change<T>[];
  readonly refusals: readonly Refusal<Change<T>>[];
  /** In this order. A truncate is a step of its own, since it must look for what there is to remove. */
  readonly steps: readonly (RecordTransaction<T> | 'remove-all')[];
}

/** What becomes true in the same transaction as the last of the changes. */
export interface ApplyContext {
  /** Asked with what was refused, before that transaction is sent. What it throws prevents it. */
  also?: (refusals: readonly Refusal<unknown>[]) => readonly RedisCommand[];
  position?: string;
}
