import type { Entity } from 'redis-om';
import { PrefetchError } from '../errors.js';
import { hasListeners, publish } from '../events.js';
import type { RedisCommand } from '../redis/client.js';
import { scanIds } from '../redis/scan.js';
import type { Chain } from '../redis/fence.js';
import { Transaction } from '../redis/transaction.js';
import type { ApplyReport, Change, Refusal } from './change.js';
import type { DatasetAccess } from './dataset-access.js';
import type { Dataset } from './dataset.js';
import { type Cause, writeJournal } from './journal.js';
import type { LoadReport } from './load-report.js';
import { LoadRegister } from './load-register.js';
import type { LookupStats } from './lookup-stats.js';
import { basesOf, merged } from './partial-upserts.js';
import type { ApplyContext, PreparedChanges } from './prepared-changes.js';
import { RecordTransaction } from './record-transaction.js';

/** The write half of a dataset: all that changes records in Redis, through Redis OM. */
export class SyncRepository<T extends Entity> {
  readonly access: DatasetAccess<T>;
  readonly loads: LoadRegister<T>;
  readonly #stats: LookupStats;

  constructor(access: DatasetAccess<T>, stats: LookupStats) {
    this.access = access;
    this.loads = new LoadRegister(access);
    this.#stats = stats;
  }

  get dataset(): Dataset<T> {
    return this.access.dataset;
  }

  /** Records to be written together. */
  async begin(cause: Cause): Promise<RecordTransaction<T>> {
    return new RecordTransaction(this.access, await this.access.storage(), cause);
  }

  /** Applies the changes in order; what a change must not do is refused with its reason, and the rest goes on. */
  async apply(changes: readonly Change<T>[], context: ApplyContext = {}): Promise<ApplyReport<T>> {
    return this.commit(await this.prepare(changes, context.cause), context);
  }

  /**
   * Does all of apply() that needs no writing. Changes that bring only some fields are merged into what is cached
   * now, so changes before them must have been committed.
   */
  async prepare(changes: readonly Change<T>[], cause: Cause = 'apply'): Promise<PreparedChanges<T>> {
    const refusals: Refusal<Change<T>>[] = [];
    const bases = await basesOf(changes, this.access);
    let transaction = await this.begin(cause);
    let removesAll = false;
    for (const change of changes) {
      if (change.op === 'truncate') {
        removesAll = true;
        bases.clear();
        transaction = await this.begin(cause);
        continue;
      }
      const reason = await this.#record(transaction, change, bases);
      if (reason) refusals.push({ subject: change, reason });
    }
    return { changes, refusals, removesAll, transaction };
  }

  /** Sends what was prepared. To be called once. */
  async commit(prepared: PreparedChanges<T>, context: ApplyContext = {}): Promise<ApplyReport<T>> {
    const { changes, refusals, removesAll, transaction } = prepared;
    const { cause = 'apply', position = null } = context;
    transaction.also(...(context.also?.(refusals) ?? []));
    if (removesAll) await this.removeAll(cause, position);
    await transaction.commit(position);
    this.#tell(changes, refusals, position);
    return { applied: changes.length - refusals.length, refusals };
  }

  /** As with SCAN, an id can come twice. */
  idPages(): AsyncIterable<readonly string[]> {
    return scanIds(this.access.client, this.dataset.keys);
  }

  /**
   * Removes every record, and returns how many there were. The dataset is not loaded any more, nor is it by a load that
   * begins while records are removed: that may have written some of them.
   */
  async clear(): Promise<number> {
    await this.loads.forget();
    return this.removeAll('clear', null, this.loads.forgetting);
  }

  /** Removes every record, page by page, and returns how many there were. */
  async removeAll(
    cause: Cause,
    position: string | null = null,
    also: readonly RedisCommand[] = [],
  ): Promise<number> {
    let removed = 0;
    await this.access.writer.patiently(async () => {
      for await (const ids of this.idPages()) removed += await this.remove(ids, cause, position, also);
    });
    return removed;
  }

  /** Returns how many of them there were. */
  async remove(
    ids: readonly string[],
    cause: Cause,
    position: string | null = null,
    also: readonly RedisCommand[] = [],
  ): Promise<number> {
    if (ids.length === 0) return 0;
    const { client, writer } = this.access;
    const { keys, ttlSeconds } = this.dataset;
    const transaction = new Transaction(keys.loadNote, { fence: writer.fence });
    for (const id of ids) transaction.add('UNLINK', keys.record(id));
    const line = { cause, by: writer.name, position, upserts: [], deletes: ids };
    for (const command of [...also, ...writeJournal(keys, line, ttlSeconds)]) transaction.add(...command);
    return writer.patiently(() => transaction.send(client));
  }

  /** Gives every record its whole TTL again, page by page; says after each page how many it held. */
  async *renewAll(sweep?: Chain): AsyncGenerator<number, void, undefined> {
    const { keys, ttlSeconds } = this.dataset;
    for await (const ids of this.idPages()) {
      await this.access.writeInChain(
        sweep,
        ...ids.map((id) => ['EXPIRE', keys.record(id), String(ttlSeconds)] as const),
      );
      yield ids.length;
    }
  }

  /** Counts a finished load, and tells of it. */
  tellLoaded(report: LoadReport, removed: number): void {
    this.#stats.countPrefetched(report.loaded);
    publish({ type: 'loaded', dataset: this.dataset.name, ...report, removed });
  }

  async #record(
    transaction: RecordTransaction<T>,
    change: Exclude<Change<T>, { op: 'truncate' }>,
    bases: Map<string, T | undefined>,
  ): Promise<string | undefined> {
    switch (change.op) {
      case 'upsert': {
        if (hasNoFields(change.record)) return 'the upsert has no fields';
        const record = change.partial ? merged(bases.get(change.id), change) : change.record;
        if (record === undefined) return 'only some fields came, and no record is cached to merge them into';
        const reason = await transaction.save(change.id, record);
        if (!reason) bases.set(change.id, record);
        return reason;
      }
      case 'delete':
        if (!this.dataset.keys.isId(change.id)) return 'the id is not allowed';
        await transaction.remove(change.id);
        bases.delete(change.id);
        return undefined;
      case 'invalid':
        return change.reason;
      default:
        return `the operation ${String((change as { op?: unknown }).op)} is unknown`;
    }
  }

  #tell(
    changes: readonly Change<T>[],
    refusals: readonly Refusal<Change<T>>[],
    position: string | null,
  ): void {
    const refused = new Set(refusals.map(({ subject }) => subject));
    const applied = refused.size === 0 ? changes : changes.filter((change) => !refused.has(change));
    const now = Date.now();
    for (const { timestampMs } of applied) this.#stats.countChange(timestampMs, now);
    if (applied.length === 0 || !hasListeners('applied')) return;
    const latest = applied.at(-1)?.timestampMs;
    publish({
      type: 'applied',
      dataset: this.dataset.name,
      changes: applied.map((change) =>
        'id' in change ? { op: change.op, id: change.id } : { op: change.op },
      ),
      lagMs: latest === undefined ? null : Math.max(0, now - latest),
      position,
    });
  }
}

function hasNoFields(record: unknown): boolean {
  return typeof record !== 'object' || record === null || Object.keys(record).length === 0;
}

/** Says of a refused change what the caller should know. */
export function refusedError(refusal: Refusal<unknown>): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_REFUSED', `Refused, and nothing was written: ${refusal.reason}.`);
}
