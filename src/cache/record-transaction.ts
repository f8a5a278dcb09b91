import type { Entity } from 'redis-om';
import type { RedisClient, RedisCommand } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import { OmBatch } from '../redis/om-batch.js';
import { Transaction } from '../redis/transaction.js';
import type { Dataset } from './dataset.js';
import { whyRefused } from './record-rules.js';

/** Enough for a transaction to be cheap, and little enough that Redis answers others soon. */
const fullAtRecords = 500;
const fullAtBytes = 1_000_000;

/** Records to be written and removed together: readers see all of it or nothing. */
export class RecordTransaction<T extends Entity> {
  readonly #client: RedisClient;
  readonly #dataset: Dataset<T>;
  readonly #transaction: Transaction;
  readonly #batch: OmBatch<T>;
  #records = 0;

  constructor(client: RedisClient, dataset: Dataset<T>, storage: DocumentStorage) {
    this.#client = client;
    this.#dataset = dataset;
    this.#transaction = new Transaction(dataset.keys.loadNote);
    this.#batch = new OmBatch(dataset.schema, this.#transaction, storage, dataset.ttlSeconds);
  }

  /** How many records are saved or removed. */
  get records(): number {
    return this.#records;
  }

  get isFull(): boolean {
    return this.#records >= fullAtRecords || this.#transaction.bytes >= fullAtBytes;
  }

  /** Returns why the record was refused; then nothing of it is written. */
  async save(id: string, record: T): Promise<string | undefined> {
    try {
      const reason = whyRefused(this.#dataset, id, record);
      if (reason) return reason;
      await this.#batch.save(id, record);
      this.#records++;
      return undefined;
    } catch (error) {
      return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    }
  }

  async remove(id: string): Promise<void> {
    await this.#batch.remove(id);
    this.#records++;
  }

  /** Adds what must become true together with the records, such as a checkpoint. */
  also(...commands: readonly RedisCommand[]): void {
    for (const command of commands) this.#transaction.add(...command);
  }

  /** @throws PrefetchError and then nothing was written, unless the connection broke on the way back */
  async commit(): Promise<void> {
    await this.#transaction.send(this.#client);
  }
}
