import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import type { LoadReport } from '../cache/load-report.js';
import type { LoadMark } from '../cache/load-register.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import type { RedisCommand } from '../redis/client.js';
import { writeCheckpoint } from './checkpoint.js';
import { IdSet } from './id-set.js';
import { MemoryBudget } from './memory-budget.js';
import { Orphans, countRecords } from './orphans.js';
import { ReloadGuard } from './reload-guard.js';
import { RowLoad, type RowProgress } from './row-load.js';
import type { ChangeBatch, SourceSession } from './source.js';
import { TouchedIds } from './touched-ids.js';

export interface ReloadReport extends LoadReport {
  /** Records that the primary no longer has. */
  readonly removed: number;
}

/**
 * While rows are read, and after the reading was broken off, a change up to S may bring what no row has brought. Once all
 * rows are in, and after the end, what it brings was in the snapshot or is to be removed.
 */
type Phase = 'reading' | 'broken-off' | 'all-in' | 'ended';

export interface ReloadContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly sourceName: string;
  readonly signal: AbortSignal;
  readonly cause: 'prefetch' | 'reload';
  /** Changes were followed already when it began. */
  readonly isFollowed: boolean;
  /** The largest share of the records, from 0 to 1, that may be removed. */
  readonly maxShrink: number;
  /** Somebody has looked: nothing is refused for what it looks like. */
  readonly force: boolean;
  /** Runs a write when no other is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  /** Called once with the position of the snapshot, before its first row is written. */
  readonly onSnapshot: (position: string) => void;
  /** The position up to which changes have been applied, if any have. */
  readonly applied: () => string | null;
  /** What becomes true together with the end of the load. */
  readonly concluding: (snapshotPosition: string) => readonly RedisCommand[];
  /** Called when everything up to the position is in. */
  readonly reached: (position: string) => void;
  /** Since when, by the server's clock, every record that is there has been kept alive. */
  readonly aliveSince: () => number;
}

/**
 * Loads the whole dataset while readers keep reading and changes keep being applied: rows overwrite records in
 * place, then what the primary no longer has is removed.
 *
 * A row of the snapshot (position S) and a change may both concern a record. The later state wins: a row is skipped
 * when a change after S has touched its id, a change at or before S when its row has been written.
 */
export class Reload<T extends Entity> {
  readonly #context: ReloadContext<T>;
  readonly #startedAt = performance.now();
  readonly #touched: TouchedIds;
  readonly #guard: ReloadGuard | null;
  #rows: RowLoad<T> | undefined;
  #snapshotPosition: string | undefined;
  /** A truncate up to S was left to the removal of orphans; these are the ids that changes brought after it. */
  #sinceTruncate: IdSet | undefined;
  #phase: Phase = 'reading';
  #rowsWritten: () => void = () => undefined;

  /** Resolves when all rows are in, or never will be. What needs a record to be complete waits for it. */
  readonly rows = new Promise<void>((resolve) => (this.#rowsWritten = resolve));

  constructor(context: ReloadContext<T>) {
    const { session, repository, force, maxShrink } = context;
    this.#context = context;
    this.#touched = new TouchedIds((a, b) => session.compare(a, b));
    this.#guard = force ? null : new ReloadGuard(repository.dataset.name, maxShrink);
  }

  get progress(): RowProgress {
    return this.#rows?.progress ?? { loaded: 0, refused: 0 };
  }

  /** True when this reload has nothing to say any more about changes after the position. */
  isOverAt(position: string): boolean {
    const isRunning = this.#phase === 'reading' || this.#phase === 'all-in';
    return !isRunning && (this.#snapshotPosition === undefined || this.#touched.isAfterSnapshot(position));
  }

  /**
   * True when it has failed and changes have come as far as its rows, so that there is nothing left of it. Not when it
   * has counted on removing what changes up to there would have removed.
   */
  isHistoryAt(position: string): boolean {
    if (this.#phase !== 'broken-off' || !this.#context.isFollowed) return false;
    const snapshot = this.#snapshotPosition;
    return snapshot === undefined || this.#context.session.compare(position, snapshot) >= 0;
  }

  /**
   * Which changes of a batch are to be applied. To be asked right before they are, and in order. What is refused leaves
   * the record to its row.
   */
  admit(batch: ChangeBatch<T>, refused: ReadonlySet<unknown> = new Set()): readonly Change<T>[] {
    const { changes, position } = batch;
    if (this.#snapshotPosition !== undefined && !this.#touched.isAfterSnapshot(position)) {
      if (this.#phase === 'broken-off' && changes.some(({ op }) => op === 'truncate'))
        this.#rows?.forgetSeen();
      return changes.filter((change) => this.#isMissingYet(change, refused));
    }
    this.#touched.remember(withoutRefused(batch, refused));
    return changes;
  }

  async run(): Promise<ReloadReport> {
    try {
      return await this.#load();
    } catch (error) {
      this.#context.signal.throwIfAborted(); // then that is why
      await this.#makeUpForTruncate();
      throw error;
    } finally {
      this.#phase = this.#phase === 'reading' ? 'broken-off' : 'ended';
      this.#rowsWritten();
    }
  }

  async #load(): Promise<ReloadReport> {
    const { repository, session, signal, write } = this.#context;
    const { access, loads } = repository;
    if (this.#guard) await new MemoryBudget({ access, present: 0, total: undefined }).look(0);
    const begunAt = await access.now();
    const mark = await write(() => loads.mark(access.dataset.keys.reloadMark));
    const present = await access.writer.patiently(() => countRecords(this.#context));
    const snapshot = await session.snapshot(signal, (row) => this.#rows?.leaveOut(row));
    try {
      this.#touched.settle(snapshot.position);
      this.#snapshotPosition = snapshot.position;
      this.#context.onSnapshot(snapshot.position);
      const { cause } = this.#context;
      const guard = this.#guard;
      const budget = guard && new MemoryBudget({ access, present, total: snapshot.total });
      const touched = this.#touched;
      this.#rows = new RowLoad({ repository, signal, cause, write, touched, guard, budget });
      await this.#rows.write(snapshot);
    } finally {
      await snapshot.close();
    }
    this.#rowsWritten();
    const removed = await this.#removeOrphans(present, this.#rows, snapshot.position);
    await this.#conclude(snapshot.position, mark, begunAt);
    const report = {
      loaded: this.progress.loaded,
      refused: this.progress.refused,
      refusals: this.#rows.refusals,
      removed,
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    };
    this.#rows.forgetSeen();
    this.#touched.forget(); // from here on its position says everything
    repository.tellLoaded(report, removed);
    return report;
  }

  /** False for a change up to S that the rows, or the removal of orphans, make needless. */
  #isMissingYet(change: Change<T>, refused: ReadonlySet<unknown>): boolean {
    if (this.#phase === 'all-in' || this.#phase === 'ended') return false;
    const seen = this.#rows?.seen;
    if (change.op !== 'truncate') {
      if (change.id === undefined) return true;
      if (seen?.has(change.id)) return false;
      if (!refused.has(change)) this.#sinceTruncate?.add(change.id);
      return true;
    }
    if (!seen?.size) return true;
    this.#sinceTruncate = new IdSet();
    return false;
  }

  async #removeOrphans(present: number, rows: RowLoad<T>, position: string): Promise<number> {
    const orphans = this.#orphans((id) => rows.seen.has(id) || this.#touched.has(id));
    if (this.#guard) {
      const counted = await orphans.count();
      const refusal = this.#guard.whyNotRemoved({ rows: rows.rows, orphans: counted.orphans, present });
      if (refusal && !this.#sinceTruncate) throw refusal; // which says why they are many
    }
    // In its turn: a change that was let in before must be written before anybody looks for what is to be removed.
    await this.#context.write(() => Promise.resolve((this.#phase = 'all-in')));
    return orphans.remove(this.#context.cause, position);
  }

  /** What a truncate was to remove must go, though the removal of orphans does not come. */
  async #makeUpForTruncate(): Promise<void> {
    const kept = this.#sinceTruncate;
    const rows = this.#rows;
    if (!kept || !rows || this.#phase !== 'reading' || this.#context.signal.aborted) return;
    const isKept = (id: string) => kept.has(id) || rows.seen.has(id) || this.#touched.has(id);
    await this.#orphans(isKept).remove('change', this.#snapshotPosition ?? '');
  }

  #orphans(isKept: (id: string) => boolean): Orphans<T> {
    const { repository, signal, write } = this.#context;
    return new Orphans({ repository, signal, write, isKept });
  }

  /** The checkpoint is never before S, since changes up to S are in, nor before what has been applied meanwhile. */
  async #conclude(snapshotPosition: string, mark: LoadMark, begunAt: number): Promise<void> {
    const { repository, session, sourceName, concluding } = this.#context;
    await this.#context.write(async () => {
      const applied = this.#context.applied();
      const isAhead = applied !== null && session.compare(applied, snapshotPosition) > 0;
      const aliveSince = Math.max(begunAt, this.#context.aliveSince());
      const position = isAhead ? applied : snapshotPosition;
      const load = { records: this.progress.loaded, from: sourceName, begunAt: aliveSince };
      const checkpoint = writeCheckpoint(repository.dataset.keys, position);
      await repository.loads.conclude(mark, load, [checkpoint, ...concluding(snapshotPosition)]);
      this.#context.reached(position);
    });
  }
}

export function withoutRefused<T extends Entity>(
  batch: ChangeBatch<T>,
  refused: ReadonlySet<unknown>,
): ChangeBatch<T> {
  if (refused.size === 0) return batch;
  return { ...batch, changes: batch.changes.filter((change) => !refused.has(change)) };
}
