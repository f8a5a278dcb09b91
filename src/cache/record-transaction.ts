import type { Entity } from 'redis-om';
import type { RedisCommand } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import { OmBatch } from '../redis/om-batch.js';
import { Transaction } from '../redis/transaction.js';
import type { DatasetAccess } from './dataset-access.js';
import { type Cause, writeJournal } from './journal.js';
import { whyRefused } from './record-rules.js';

/** Enough for a transaction to be cheap, and little enough that Redis answers others soon. */
const fullAtRecords = 500;
const fullAtBytes = 1_000_000;

/** Records to be written and removed together, with their line in the journal: readers see all of it or nothing. */
export class RecordTransaction<T extends Entity> {
  readonly #access: DatasetAccess<T>;
  readonly #cause: Cause;
  readonly #transaction: Transaction;
  readonly #batch: OmBatch<T>;
  /** What became of each record in the end. */
  readonly #fates = new Map<string, 'upsert' | 'delete'>();
  #records = 0;

  constructor(access: DatasetAccess<T>, storage: DocumentStorage, cause: Cause) {
    const { dataset, writer } = access;
    this.#access = access;
    this.#cause = cause;
    this.#transaction = new Transaction(dataset.keys.loadNote, { fence: writer.fence });
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
      const reason = whyRefused(this.#access.dataset, id, record);
      if (reason) return reason;
      await this.#batch.save(id, record);
      this.#note(id, 'upsert');
      return undefined;
    } catch (error) {
      return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    }
  }

  async remove(id: string): Promise<void> {
    await this.#batch.remove(id);
    this.#note(id, 'delete');
  }

  /** Adds what must become true together with the records, such as a checkpoint. */
  also(...commands: readonly RedisCommand[]): void {
    for (const command of commands) this.#transaction.add(...command);
  }

  /**
   * To be called once.
   *
   * @param onFailure hears of each failure before it is tried again; what it throws ends the trying
   * @throws PrefetchError and then nothing was written, unless the connection broke on the way back
   */
  async commit(
    position: string | null = null,
    onFailure: (error: unknown) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    this.#addToJournal(position);
    const { client, writer } = this.#access;
    await writer.patiently(async () => {
      try {
        await this.#transaction.send(client);
      } catch (error) {
        await onFailure(error);
        throw error;
      }
    });
  }

  #note(id: string, fate: 'upsert' | 'delete'): void {
    this.#records++;
    this.#fates.set(id, fate);
  }

  #addToJournal(position: string | null): void {
    if (this.#fates.size === 0) return;
    const upserts: string[] = [];
    const deletes: string[] = [];
    for (const [id, fate] of this.#fates) (fate === 'upsert' ? upserts : deletes).push(id);
    const { dataset, writer } = this.#access;
    const line = { cause: this.#cause, by: writer.name, position, upserts, deletes };
    this.also(...writeJournal(dataset.keys, line, dataset.ttlSeconds));
  }
}
