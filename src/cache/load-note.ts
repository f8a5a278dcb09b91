import { PrefetchError } from '../errors.js';
import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import type { Keys } from '../redis/keys.js';

/** What Redis remembers of the last complete load of a dataset. */
export interface LoadNote {
  /** Which load it speaks of; no two have the same. */
  readonly id: string;
  readonly loadedAt: string;
  readonly records: number;
  /** The name of the source, or `bulk-load`. */
  readonly from: string;
  /** How records are stored. Another layout than the present one means that they must be loaded anew. */
  readonly layout: string;
}

/**
 * Until when a load may be called loaded. Its records expire one TTL after they were written, the first of them one
 * TTL after the load began; the note must not outlive that one, or a 404 would be made of what is only lost. So it
 * goes by the server's clock: what is left of the time would begin to count only when a delayed command arrives.
 *
 * @param begunAt when the load began and `now`, both by the clock of the server
 */
export function expiryOf(ttlSeconds: number, begunAt: number, now: number): number {
  const expiry = begunAt + ttlSeconds * 1000;
  if (expiry > now) return expiry;
  throw new PrefetchError(
    'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
    `Going through all records took longer than their TTL of ${ttlSeconds} s, so the first were gone before the last were in. Raise ttlSeconds.`,
  );
}

export function writeNote(keys: Keys, note: LoadNote, expiry: number): RedisCommand {
  return ['SET', keys.loadNote, JSON.stringify(note), 'PXAT', String(expiry)];
}

export function parseNote(text: string | null): LoadNote | null {
  try {
    return text === null ? null : (JSON.parse(text) as LoadNote);
  } catch {
    return null; // not written by us, so it says nothing
  }
}

/**
 * Tells whether the dataset is loaded, for those who just missed a record. At most one question is on its way and
 * one waits, however many ask; an answer counts only for who asked before the question was sent, so a flush between
 * miss and answer cannot be overlooked.
 *
 * Nor can a load between them, which would make a 404 of a record that came with it: only who finds the very note
 * that was there before the record was asked for knows that the dataset was loaded then.
 */
export class LoadWitness {
  readonly #client: RedisClient;
  readonly #keys: Keys;
  /** The note of the latest answer; remembered by who is about to ask for a record. */
  lastSeen: string | null = null;
  #asking: Promise<unknown> = Promise.resolve();
  #waiting: Promise<string | null> | undefined;

  constructor(client: RedisClient, keys: Keys) {
    this.#client = client;
    this.#keys = keys;
  }

  /** The note as it is now; null when the dataset is not loaded. */
  look(): Promise<string | null> {
    return (this.#waiting ??= this.#askNext());
  }

  async #askNext(): Promise<string | null> {
    await this.#asking.catch(() => undefined);
    this.#waiting = undefined;
    const answer = send(this.#client, ['GET', this.#keys.loadNote]) as Promise<string | null>;
    this.#asking = answer;
    return (this.lastSeen = await answer);
  }
}
