import type { Entity } from 'redis-om';
import type { DatasetAccess } from '../cache/dataset-access.js';
import { recordSize } from '../cache/record-size.js';
import { PrefetchError } from '../errors.js';
import { type ServerMemory, readServerMemory } from '../redis/server-memory.js';

/** How many rows of a page tell how large all of them are. */
const sampleSize = 50;
/** As many as one transaction takes at most. */
const rowsPerTransaction = 500;

export interface MemoryBudgetContext<T extends Entity> {
  readonly access: DatasetAccess<T>;
  /** How many records are there before the load. */
  readonly present: number;
  /** How many the snapshot has, if that is known. */
  readonly total: number | undefined;
}

/**
 * Ends a load that does not fit into what `maxmemory` leaves, before Redis must refuse what it is sent: at the
 * beginning by an estimate, then by looking again whenever a quarter of the room that was seen may be used.
 */
export class MemoryBudget<T extends Entity> {
  readonly #context: MemoryBudgetContext<T>;
  #bytesPerRecord = 0;
  #rowsWritten = 0;
  /** About how many bytes may be written until it is time to look again. */
  #untilNextLook = 0;

  constructor(context: MemoryBudgetContext<T>) {
    this.#context = context;
  }

  /** Learns how large records are. To be called with each page, before it is written. */
  async measure(rows: readonly T[]): Promise<void> {
    const storage = await this.#context.access.storage();
    const step = Math.max(1, Math.floor(rows.length / sampleSize));
    const sample = rows.filter(
      (row: T | null, i) => i % step === 0 && typeof row === 'object' && row !== null,
    );
    const sizes = sample.map((row) => recordSize(this.#context.access.dataset, storage, row));
    if (sizes.length === 0) return;
    const mean = sizes.reduce((sum, size) => sum + size) / sizes.length;
    this.#bytesPerRecord = this.#bytesPerRecord === 0 ? mean : (this.#bytesPerRecord + mean) / 2;
  }

  /**
   * To be called before each transaction, with the number of rows that are waiting.
   *
   * @throws PrefetchError `ERR_PREFETCH_NO_MEMORY`
   */
  async allow(rowsWaiting: number): Promise<void> {
    const rows = Math.min(rowsWaiting, rowsPerTransaction);
    this.#untilNextLook -= rows * this.#bytesPerRecord;
    if (this.#untilNextLook < 0) await this.look(rows);
    this.#rowsWritten += rows;
  }

  /**
   * Looks whether the next rows fit, and all that will be added, as far as that can be told.
   *
   * @throws PrefetchError `ERR_PREFETCH_NO_MEMORY`
   */
  async look(rows = rowsPerTransaction): Promise<void> {
    const { access } = this.#context;
    const memory = await readServerMemory((command) => access.ask(command));
    if (!memory) {
      this.#untilNextLook = Infinity;
      return;
    }
    const room = memory.limit - memory.used;
    const records = Math.max(rows, this.#recordsToCome);
    if (room < records * this.#bytesPerRecord) throw this.#noMemory(memory, records);
    this.#untilNextLook = room / 4;
  }

  /**
   * Rows that replace records need hardly any room. Before the first is written, as many as can are supposed to; later
   * nobody knows how many did, unless there were none to replace.
   */
  get #recordsToCome(): number {
    const { present, total = 0 } = this.#context;
    if (present > 0 && this.#rowsWritten > 0) return 0;
    return Math.max(0, total - present - this.#rowsWritten);
  }

  #noMemory({ used, limit, policy }: ServerMemory, records: number): PrefetchError {
    const { access, present, total } = this.#context;
    const size = Math.ceil(this.#bytesPerRecord);
    const needs = `the next ${figure(records)} records need about ${inMegabytes(records * size)} at ${figure(size)} bytes each`;
    const evicts =
      policy === 'noeviction' ? '' : `, and by its policy ${policy} the server would evict records`;
    const of = total === undefined ? '' : ` of ${figure(total)}`;
    return new PrefetchError(
      'ERR_PREFETCH_NO_MEMORY',
      `${access.dataset.name} does not fit into Redis: ${size > 0 ? needs : 'it is to be loaded'}, and ${inMegabytes(Math.max(0, limit - used))} are free (${inMegabytes(used)} of maxmemory ${inMegabytes(limit)} are used${evicts}). ${figure(this.#rowsWritten)} rows${of} are written; the ${figure(present)} records that were there stay readable. Give Redis more memory or load less; reload({ force: true }) or start({ force: true }) loads without asking.`,
    );
  }
}

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

function inMegabytes(bytes: number): string {
  const megabytes = bytes / 1_000_000;
  return `${megabytes < 10 ? megabytes.toFixed(2) : figure(Math.round(megabytes))} MB`;
}
