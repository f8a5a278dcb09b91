import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Keys } from '../redis/keys.js';

/** What a worker finds of the one before it. */
export interface Checkpoint {
  /** Everything up to here has been applied. */
  readonly position: string | null;
  /** A reload was begun and never finished. */
  readonly reloadUnfinished: boolean;
}

export async function readCheckpoint(client: RedisClient, keys: Keys): Promise<Checkpoint> {
  try {
    const [position, mark] = await Promise.all([
      send(client, ['GET', keys.checkpoint]),
      send(client, ['GET', keys.reloadMark]),
    ]);
    return { position: position as string | null, reloadUnfinished: mark !== null };
  } catch (error) {
    throw toPrefetchError(error);
  }
}

/** To be sent in the same transaction as the changes up to the position. */
export function writeCheckpoint(keys: Keys, position: string): RedisCommand {
  return ['SET', keys.checkpoint, position];
}
