import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { optionError } from '../../errors.js';
import { refuseUnknownOptions } from '../../options.js';
import type { Change, ChangeSource, SourceSession } from '../../sync/source.js';
import { ChangeLog } from './change-log.js';
import { MemorySession } from './memory-session.js';

export interface MemoryPrimaryOptions<R> {
  readonly records: Iterable<R>;
  /**
   * How long a read takes, to feel like a database.
   * @default 0
   */
  readonly readLatencyMs?: number | undefined;
}

/**
 * A primary in the memory of this process, with an ordered feed of its changes: for demonstrations and tests.
 *
 * @example
 * const primary = new MemoryPrimary({ records: [{ id: 'cat-001', name: 'Beverages' }] });
 * primary.update('cat-001', { name: 'Drinks' });
 */
export class MemoryPrimary<R extends { id: string }> implements ChangeSource<R> {
  readonly name = 'memory';
  readonly #records = new Map<string, R>();
  readonly #readLatencyMs: number;
  /** Positions of another process mean nothing in this one, so each primary has its own. */
  readonly #log = new ChangeLog<R>(randomUUID());
  #reads = 0;

  constructor(options: MemoryPrimaryOptions<R>) {
    refuseUnknownOptions('MemoryPrimary', options, ['records', 'readLatencyMs']);
    const { records, readLatencyMs = 0 } = options;
    if (typeof readLatencyMs !== 'number' || !(readLatencyMs >= 0)) {
      throw optionError('readLatencyMs', 'a number >= 0', readLatencyMs);
    }
    this.#readLatencyMs = readLatencyMs;
    for (const record of records) this.#records.set(record.id, copyOf(record));
  }

  /** How often the primary was read. Looking at it with peek(), ids() and has() does not count. */
  get reads(): number {
    return this.#reads;
  }

  resetReads(): void {
    this.#reads = 0;
  }

  async get(id: string): Promise<R | undefined> {
    await this.#read();
    return this.peek(id);
  }

  async list(): Promise<R[]> {
    await this.#read();
    return this.#copies();
  }

  /** False when there is such a record already. */
  add(record: R): boolean {
    if (this.#records.has(record.id)) return false;
    this.#records.set(record.id, copyOf(record));
    this.#append({ op: 'upsert', id: record.id, record: copyOf(record) });
    return true;
  }

  /** The record as it is now; undefined when there is none. */
  update(id: string, fields: Partial<R>): R | undefined {
    const current = this.#records.get(id);
    if (!current) return undefined;
    const record = copyOf({ ...current, ...fields, id });
    this.#records.set(id, record);
    this.#append({ op: 'upsert', id, record: copyOf(record) });
    return copyOf(record);
  }

  /** False when there is no such record. */
  delete(id: string): boolean {
    if (!this.#records.delete(id)) return false;
    this.#append({ op: 'delete', id });
    return true;
  }

  truncate(): void {
    this.#records.clear();
    this.#append({ op: 'truncate' });
  }

  peek(id: string): R | undefined {
    const record = this.#records.get(id);
    return record && copyOf(record);
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  ids(): IterableIterator<string> {
    return this.#records.keys();
  }

  get size(): number {
    return this.#records.size;
  }

  open(): Promise<SourceSession<R>> {
    const session = new MemorySession(this.#log, async () => {
      await this.#read();
      return { records: this.#copies(), position: this.#log.end };
    });
    return Promise.resolve(session);
  }

  #copies(): R[] {
    return [...this.#records.values()].map((record) => copyOf(record));
  }

  #append(change: Change<R>): void {
    this.#log.append({ ...change, timestampMs: Date.now() });
  }

  async #read(): Promise<void> {
    this.#reads++;
    if (this.#readLatencyMs > 0) await sleep(this.#readLatencyMs);
  }
}

/** Records are the primary's own: whoever keeps what was given or taken cannot change it by changing that. */
function copyOf<R extends object>(record: R): R {
  const isFlat = Object.values(record).every((value) => typeof value !== 'object' || value === null);
  return isFlat ? { ...record } : structuredClone(record);
}
