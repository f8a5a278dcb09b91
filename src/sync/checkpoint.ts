import type { Entity } from 'redis-om';
import type { DatasetAccess } from '../cache/dataset-access.js';
import type { RedisCommand } from '../redis/client.js';
import type { Keys } from '../redis/keys.js';

/** What a worker finds of the one before it. */
export interface Checkpoint {
  /** Everything up to here has been applied. */
  readonly position: string | null;
  /** A reload was begun and never finished. */
  readonly reloadUnfinished: boolean;
}

export async function readCheckpoint<T extends Entity>(access: DatasetAccess<T>): Promise<Checkpoint> {
  const { checkpoint, reloadMark } = access.dataset.keys;
  const [position, mark] = await Promise.all([
    access.ask(['GET', checkpoint]),
    access.ask(['GET', reloadMark]),
  ]);
  return { position: position as string | null, reloadUnfinished: mark !== null };
}

/** To be sent in the same transaction as the changes up to the position. */
export function writeCheckpoint(keys: Keys, position: string): RedisCommand {
  return ['SET', keys.checkpoint, position];
}
