import type { Entity } from 'redis-om';
import type { RedisClient } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import type { Dataset } from './dataset.js';
import { LoadWitness } from './load-note.js';
import { RecordReader } from './record-reader.js';

export interface Finding<F> {
  readonly found: F;
  /** False: something was not found, and nobody knows whether it is in the primary. */
  readonly isKnown: boolean;
  readonly redisLatencyMs: number;
}

/** Finds records, and tells those that are known to be absent from those that were not loaded. */
export class RecordFinder<T extends Entity> {
  readonly #reader: RecordReader<T>;
  readonly #witness: LoadWitness;

  constructor(client: RedisClient, dataset: Dataset<T>, storage: DocumentStorage | undefined) {
    this.#reader = new RecordReader(client, dataset, storage);
    this.#witness = new LoadWitness(client, dataset.keys);
  }

  one(id: string): Promise<Finding<T | undefined>> {
    return this.#find(
      () => this.#reader.read(id),
      (found) => found !== undefined,
    );
  }

  /** In the order of the ids, which are distinct. */
  many(ids: readonly string[]): Promise<Finding<Map<string, T>>> {
    return this.#find(
      () => this.#readMany(ids),
      (found) => found.size === ids.length,
    );
  }

  /** Asks again when the dataset was loaded between the absence of a record and the look at the note. */
  async #find<F>(read: () => Promise<F>, isWhole: (found: F) => boolean): Promise<Finding<F>> {
    for (;;) {
      const noteBefore = this.#witness.lastSeen;
      const startedAt = performance.now();
      const found = await read();
      const redisLatencyMs = performance.now() - startedAt;
      if (isWhole(found)) return { found, isKnown: true, redisLatencyMs };
      const note = await this.#witness.look();
      if (note === null || note === noteBefore) return { found, isKnown: note !== null, redisLatencyMs };
    }
  }

  async #readMany(ids: readonly string[]): Promise<Map<string, T>> {
    const records = await Promise.all(ids.map((id) => this.#reader.read(id)));
    const found = new Map<string, T>();
    for (const [i, id] of ids.entries()) {
      const record = records[i];
      if (record !== undefined) found.set(id, record);
    }
    return found;
  }
}
