import type { Entity } from 'redis-om';
import { publish } from '../events.js';
import type { Refusal } from './change.js';
import type { LoadProgress, LoadReport } from './load-report.js';
import type { RecordTransaction } from './record-transaction.js';
import type { SyncRepository } from './sync-repository.js';

const refusalsKept = 100;

export interface BulkLoadOptions {
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Ends the load: it rejects with the reason at once, whatever the source or Redis is busy with. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Streams records into Redis. While two transactions are on their way the next is filled, and nothing is read from the
 * source before there is room for it: memory stays the same however many records there are.
 */
export class BulkLoad<T extends Entity> {
  readonly #startedAt = performance.now();
  readonly #repository: SyncRepository<T>;
  readonly #options: BulkLoadOptions;
  readonly #refusals: Refusal<unknown>[] = [];
  #filling: RecordTransaction<T> | undefined;
  /** Two on their way: while Redis works on one, the next is there already. */
  #sendingFirst: Promise<void> = Promise.resolve();
  #sendingSecond: Promise<void> = Promise.resolve();
  #loaded = 0;
  #refused = 0;

  constructor(repository: SyncRepository<T>, options: BulkLoadOptions = {}) {
    this.#repository = repository;
    this.#options = options;
  }

  async add(record: T): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#filling ??= await this.#repository.begin('bulk-load');
    const id = (record as { id?: unknown } | null | undefined)?.id;
    const reason = await this.#filling.save(id as string, record);
    if (reason) this.#refuse(record, reason);
    else if (this.#filling.isFull) await this.#send();
  }

  /** Resolves when everything that was added is in Redis. */
  async finish(): Promise<LoadReport> {
    await this.#send();
    await this.#sendingFirst;
    await this.#sendingSecond;
    return {
      ...this.progress,
      refusals: this.#refusals,
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    };
  }

  get progress(): LoadProgress {
    return { loaded: this.#loaded, refused: this.#refused };
  }

  async #send(): Promise<void> {
    const transaction = this.#filling;
    this.#filling = undefined;
    await this.#sendingFirst;
    this.#options.signal?.throwIfAborted();
    if (!transaction) return;
    this.#sendingFirst = this.#sendingSecond;
    this.#sendingSecond = transaction.commit().then(() => {
      this.#progressBy(transaction.records);
    });
    this.#sendingSecond.catch(() => undefined); // awaited later, above or in finish()
  }

  #progressBy(records: number): void {
    this.#loaded += records;
    this.#options.onProgress?.(this.progress);
    publish({ type: 'load-progress', dataset: this.#repository.dataset.name, ...this.progress });
  }

  #refuse(record: unknown, reason: string): void {
    this.#refused++;
    if (this.#refusals.length < refusalsKept) this.#refusals.push({ subject: record, reason });
  }
}
