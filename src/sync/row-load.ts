import type { Entity } from 'redis-om';
import type { Cause } from '../cache/journal.js';
import type { Refusal } from '../cache/change.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { publish } from '../events.js';
import { toPrefetchError } from '../redis/failure.js';
import { IdSet } from './id-set.js';
import type { MemoryBudget } from './memory-budget.js';
import type { ReloadGuard } from './reload-guard.js';
import type { InvalidRow, Snapshot } from './source.js';
import type { TouchedIds } from './touched-ids.js';

const refusalsKept = 100;

export interface RowLoadContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly signal: AbortSignal;
  readonly cause: Cause;
  /** Runs a write when no other is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  readonly touched: TouchedIds;
  /** Null when the load is forced. */
  readonly guard: ReloadGuard | null;
  /** Null when the load is forced. */
  readonly budget: MemoryBudget<T> | null;
}

export interface RowProgress {
  readonly loaded: number;
  readonly refused: number;
  /** How many rows there are, where the source knows. */
  readonly total?: number;
}

/** Writes the rows of a snapshot over what is there, page by page, unless a change has overtaken them. */
export class RowLoad<T extends Entity> {
  readonly refusals: Refusal<unknown>[] = [];
  readonly #context: RowLoadContext<T>;
  #seen = new IdSet();
  #rows = 0;
  #loaded = 0;
  #refused = 0;
  #total: number | undefined;

  constructor(context: RowLoadContext<T>) {
    this.#context = context;
  }

  /** Ids whose row is in, or was refused and left alone what is there. */
  get seen(): IdSet {
    return this.#seen;
  }

  /** How many rows came, whatever became of them. */
  get rows(): number {
    return this.#rows;
  }

  get progress(): RowProgress {
    const total = this.#total === undefined ? {} : { total: this.#total };
    return { loaded: this.#loaded, refused: this.#refused, ...total };
  }

  /** From here on changes up to the snapshot are not needless because of the rows that were in. */
  forgetSeen(): void {
    this.#seen = new IdSet();
  }

  async write({ records, total }: Snapshot<T>): Promise<void> {
    const { budget, repository, signal } = this.#context;
    this.#total = total;
    for await (const rows of records) {
      signal.throwIfAborted();
      await budget?.measure(rows);
      let rest = rows;
      while (rest.length > 0) {
        await budget?.allow(rest.length);
        const written = await this.#context.write(() => this.#writeSome(rest));
        rest = rest.slice(written);
      }
      publish({ type: 'load-progress', dataset: repository.dataset.name, ...this.progress });
    }
  }

  /** A row that the source could not make a record of: what is there is left alone. */
  leaveOut({ id, raw, reason }: InvalidRow): void {
    if (id !== undefined) this.#seen.add(id);
    this.#rows++;
    this.#refuse([{ subject: raw, reason }]);
  }

  /** Writes as many of the rows as one transaction takes, and returns how many that were. */
  async #writeSome(rows: readonly T[]): Promise<number> {
    const { repository, cause, touched } = this.#context;
    const transaction = await repository.begin(cause);
    const refusals: Refusal<unknown>[] = [];
    const ids = new Set<string>();
    let taken = 0;
    for (const row of rows) {
      if (transaction.isFull) break;
      const id = (row as { id?: unknown } | null)?.id;
      if (typeof id === 'string') {
        this.#refuseDuplicate(id, ids, taken);
        ids.add(id);
      }
      taken++;
      if (touched.isAll || (typeof id === 'string' && touched.has(id))) continue;
      const reason = await transaction.save(id as string, row);
      if (reason) refusals.push({ subject: row, reason });
    }
    await transaction.commit(null, (error) => this.#giveUpWhenFull(error, taken));
    for (const id of ids) this.#seen.add(id); // not before: what could not be written makes no change needless
    this.#rows += taken;
    this.#loaded += transaction.records;
    this.#refuse(refusals);
    return taken;
  }

  #refuse(refusals: readonly Refusal<unknown>[]): void {
    this.#refused += refusals.length;
    this.refusals.push(...refusals.slice(0, refusalsKept - this.refusals.length));
  }

  /** Other failures pass; a server that is full stays so, unless somebody makes room. */
  async #giveUpWhenFull(error: unknown, rows: number): Promise<void> {
    if (/\bOOM\b/.test(toPrefetchError(error).message)) await this.#context.budget?.look(rows);
  }

  #refuseDuplicate(id: string, inTransaction: ReadonlySet<string>, taken: number): void {
    const { guard } = this.#context;
    if (!guard) return;
    if (inTransaction.has(id) || this.#seen.has(id)) throw guard.duplicate(id, this.#rows + taken);
  }
}
