import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import { type Finding, RecordComparison } from '../cache/record-comparison.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError } from '../errors.js';
import { publish } from '../events.js';
import { IdSet } from './id-set.js';
import { Orphans } from './orphans.js';
import { type ReconcileReport, ReconcileFindings, examplesKept } from './reconcile-report.js';
import { ReloadGuard } from './reload-guard.js';
import type { ChangeBatch, Snapshot, SourceSession } from './source.js';
import { TouchedIds } from './touched-ids.js';

/** Read in one go. */
const recordsPerRead = 500;
/** How long the feed may take to come as far as a snapshot. */
const patienceMs = 60_000;
/**
 * A row of a snapshot that is not exact may hold a change that the feed is only about to bring: an application writes
 * the primary, then publishes. So a difference counts when it is still one after this time.
 */
const graceMs = 500;

export type { ReconcileReport } from './reconcile-report.js';

export interface ReconcileContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  /** Its reason is what run() rejects with. */
  readonly signal: AbortSignal;
  /** Runs a write when no other is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  /** Resolves when everything up to the position has been applied. */
  readonly reachedPast: (position: string, signal: AbortSignal, timeoutMs: number) => Promise<void>;
  readonly repair: boolean;
  /** Somebody has looked: orphans are removed however many they are. */
  readonly force: boolean;
  /** The largest share of the records, from 0 to 1, that a repair may remove. */
  readonly maxShrink: number;
}

/**
 * Compares the whole dataset with the primary while changes keep being applied. Nothing is said of a record that a
 * change after the snapshot has touched, so what is found was not made by a change that is on its way.
 *
 * Of the records only fingerprints of their ids are kept.
 */
export class Reconciliation<T extends Entity> {
  readonly #context: ReconcileContext<T>;
  readonly #touched: TouchedIds;
  readonly #seen = new IdSet();
  readonly #findings = new ReconcileFindings();
  readonly #guard: ReloadGuard;

  constructor(context: ReconcileContext<T>) {
    const { session, repository, maxShrink } = context;
    this.#context = context;
    this.#touched = new TouchedIds((a, b) => session.compare(a, b));
    this.#guard = new ReloadGuard(repository.dataset.name, maxShrink);
  }

  /** To be called with each batch right before it is applied, from the beginning on. */
  remember(batch: ChangeBatch<T>): void {
    this.#touched.remember(batch);
  }

  /** @throws PrefetchError `ERR_PREFETCH_RELOAD_REFUSED` when a repair would remove too much; then it removes nothing */
  async run(): Promise<ReconcileReport> {
    try {
      return await this.#run();
    } catch (error) {
      this.#context.signal.throwIfAborted(); // then that is why
      throw error;
    }
  }

  async #run(): Promise<ReconcileReport> {
    const { repository, session, signal } = this.#context;
    signal.throwIfAborted();
    const snapshot = await session.snapshot(signal, ({ id }) => {
      if (id !== undefined) this.#seen.add(id);
      this.#findings.refused++;
    });
    try {
      this.#touched.settle(snapshot.position);
      if (snapshot.exact) await this.#applied(snapshot.position);
      await this.#compareRows(snapshot);
    } finally {
      await snapshot.close();
    }
    const refusal = await this.#findOrphans(snapshot);
    const report = this.#findings.report(snapshot.position);
    const { compared, missing, different, orphaned, repaired, elapsedMs } = report;
    const dataset = repository.dataset.name;
    publish({ type: 'reconciled', dataset, compared, missing, different, orphaned, repaired, elapsedMs });
    if (refusal) throw refusal;
    return report;
  }

  async #compareRows(snapshot: Snapshot<T>): Promise<void> {
    const comparison = await RecordComparison.on(this.#context.repository.access);
    for await (const rows of snapshot.records) {
      this.#context.signal.throwIfAborted();
      await this.#caughtUp(snapshot);
      const suspects: Suspect<T>[] = [];
      for (let i = 0; i < rows.length; i += recordsPerRead) {
        suspects.push(...(await this.#compareSome(comparison, rows.slice(i, i + recordsPerRead))));
      }
      if (suspects.length > 0) await this.#settleSuspects(suspects, snapshot);
    }
  }

  /** Compares rows, and gives those that are not as they should be. */
  async #compareSome(comparison: RecordComparison<T>, rows: readonly T[]): Promise<Suspect<T>[]> {
    const findings = await comparison.compare(rows);
    const suspects: Suspect<T>[] = [];
    for (const [i, row] of rows.entries()) {
      const finding = findings[i];
      const id = (row as T | null)?.['id'];
      if (typeof id === 'string') this.#seen.add(id);
      if (finding?.is === 'refused') this.#findings.refused++;
      if (!finding || finding.is === 'refused' || this.#touched.overtakes(id as string)) continue;
      if (finding.is === 'same') this.#findings.compared++;
      else suspects.push({ id: id as string, row, finding });
    }
    return suspects;
  }

  async #settleSuspects(suspects: readonly Suspect<T>[], snapshot: Snapshot<T>): Promise<void> {
    await this.#waitForLatecomers(snapshot);
    const drifted = suspects.filter(({ id }) => !this.#touched.overtakes(id));
    for (const { id, finding } of drifted) this.#findings.add(id, finding);
    if (!this.#context.repair) return;
    let rest = drifted;
    while (rest.length > 0) {
      const dealtWith = await this.#context.write(() => this.#repairSome(rest, snapshot.position));
      rest = rest.slice(dealtWith);
    }
  }

  /** Writes as many rows as one transaction takes, unless a change came meanwhile, and returns how many those are. */
  async #repairSome(drifted: readonly Suspect<T>[], position: string): Promise<number> {
    this.#context.signal.throwIfAborted();
    const transaction = await this.#context.repository.begin('repair');
    let dealtWith = 0;
    for (const { id, row } of drifted) {
      if (transaction.isFull) break;
      dealtWith++;
      if (!this.#touched.overtakes(id)) await transaction.save(id, row);
    }
    await transaction.commit(position);
    this.#findings.repaired += transaction.records;
    return dealtWith;
  }

  /** Returns why they are not removed although they should be. */
  async #findOrphans(snapshot: Snapshot<T>): Promise<PrefetchError | null> {
    const { repair, force } = this.#context;
    const isKept = (id: string) => this.#seen.has(id) || this.#touched.overtakes(id);
    const orphans = new Orphans({ ...this.#context, isKept });
    await this.#caughtUp(snapshot);
    let found = await orphans.count(examplesKept);
    if (found.orphans > 0 && !snapshot.exact) {
      await this.#waitForLatecomers(snapshot);
      found = await orphans.count(examplesKept);
    }
    this.#findings.addOrphans(found.orphans, found.examples);
    if (!repair || found.orphans === 0) return null;
    if (!force) {
      const refusal = this.#guard.whyNotRemoved({ rows: this.#seen.size, ...found });
      if (refusal) return refusal;
    }
    this.#findings.repaired += await orphans.remove('repair', snapshot.position);
    return null;
  }

  async #waitForLatecomers(snapshot: Snapshot<T>): Promise<void> {
    if (snapshot.exact) return;
    await sleep(graceMs, undefined, { signal: this.#context.signal });
    await this.#caughtUp(snapshot);
  }

  /** What an exact snapshot holds is applied when its position is; another may hold anything up to now. */
  async #caughtUp({ exact }: Snapshot<T>): Promise<void> {
    if (exact) return;
    const end = await this.#context.session.end?.();
    if (end === undefined) throw noEnd();
    await this.#applied(end);
  }

  #applied(position: string): Promise<void> {
    const { reachedPast, signal } = this.#context;
    return reachedPast(position, signal, patienceMs);
  }
}

/** A row that Redis does not have as it should. */
interface Suspect<T> {
  readonly id: string;
  readonly row: T;
  readonly finding: Finding;
}

function noEnd(): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_SOURCE',
    'The source gives snapshots that are not exact, and has no end() to say how far its changes go: what is on its way cannot be told from what is wrong. Give the snapshot a position that is exact, or the session an end().',
  );
}
