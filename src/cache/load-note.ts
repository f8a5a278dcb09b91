import { PrefetchError } from '../errors.js';
import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import type { Keys } from '../redis/keys.js';

/** What Redis remembers of the last complete load of a dataset. */
export interface LoadNote {
  readonly loadedAt: string;
  readonly records: number;
  /** The name of the source, or `bulk-load`. */
  readonly from: string;
  /** How records are stored. Another layout than the present one means that they must be loaded anew. */
  readonly layout: string;
}

/**
 * Records expire one TTL after they were written, the first of them one TTL after the load began. The note must not
 * outlive it: a note without records would make a 404 of what is only lost.
 */
export function remainingMs(ttlSeconds: number, begunAt: number): number {
  const remaining = Math.floor(ttlSeconds * 1000 - (performance.now() - begunAt));
  if (remaining > 0) return remaining;
  throw new PrefetchError(
    'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
    `Going through all records took longer than their TTL of ${ttlSeconds} s, so the first were gone before the last were in. Raise ttlSeconds.`,
  );
}

export function writeNote(keys: Keys, note: LoadNote, lifetimeMs: number): RedisCommand {
  return ['SET', keys.loadNote, JSON.stringify(note), 'PX', String(lifetimeMs)];
}

export async function readNote(client: RedisClient, keys: Keys): Promise<LoadNote | null> {
  const text = (await send(client, ['GET', keys.loadNote])) as string | null;
  return text === null ? null : (JSON.parse(text) as LoadNote);
}

/**
 * Tells whether the dataset is loaded, for those who just missed a record. At most one question is on its way and
 * one waits, however many ask; an answer counts only for who asked before the question was sent, so a flush between
 * miss and answer cannot be overlooked.
 */
export class LoadWitness {
  readonly #client: RedisClient;
  readonly #keys: Keys;
  #asking: Promise<unknown> = Promise.resolve();
  #waiting: Promise<boolean> | undefined;

  constructor(client: RedisClient, keys: Keys) {
    this.#client = client;
    this.#keys = keys;
  }

  isLoaded(): Promise<boolean> {
    return (this.#waiting ??= this.#askNext());
  }

  async #askNext(): Promise<boolean> {
    await this.#asking.catch(() => undefined);
    this.#waiting = undefined;
    const answer = send(this.#client, ['EXISTS', this.#keys.loadNote]);
    this.#asking = answer;
    return (await answer) === 1;
  }
}
