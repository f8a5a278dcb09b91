import type { Entity } from 'redis-om';
import type { Change, Refusal } from '../cache/change.js';
import type { LoadReport } from '../cache/load-report.js';
import type { LoadMark, SyncRepository } from '../cache/sync-repository.js';
import { publish } from '../events.js';
import { writeCheckpoint } from './checkpoint.js';
import { IdSet } from './id-set.js';
import type { ChangeBatch, Snapshot, SourceSession } from './source.js';

const refusalsKept = 100;

export interface ReloadReport extends LoadReport {
  /** Records that the primary no longer has. */
  readonly removed: number;
}

export interface ReloadContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly sourceName: string;
  readonly signal: AbortSignal;
  /** Runs the work, and again if it fails for a reason that passes. */
  readonly patiently: <R>(work: () => Promise<R>) => Promise<R>;
  /** The same, when no other write is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  /** Called once with the position of the snapshot, before its first row is written. */
  readonly onSnapshot: (position: string) => void;
  /** The position up to which changes have been applied, if any have. */
  readonly applied: () => string | null;
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
  readonly #refusals: Refusal<unknown>[] = [];
  /** Ids that changes touched before S was known, with the position of the last one. */
  readonly #touchedEarly = new Map<string, string>();
  /** Ids that changes after S touched. */
  readonly #touched = new IdSet();
  /** Ids whose row is in, or was refused and left alone what is there. */
  #seen = new IdSet();
  /** The position of the last truncate that came during this reload. */
  #truncatedAt: string | undefined;
  #snapshotPosition: string | undefined;
  #allRowsIn = false;
  #isRunning = true;
  #rowsWritten: () => void = () => undefined;
  #loaded = 0;
  #refused = 0;

  /** Resolves when all rows are in, or never will be. What needs a record to be complete waits for it. */
  readonly rows = new Promise<void>((resolve) => (this.#rowsWritten = resolve));

  constructor(context: ReloadContext<T>) {
    this.#context = context;
  }

  /** The orphan removal that would stand in for a truncate will not come. */
  get #hasFailed(): boolean {
    return !this.#isRunning && !this.#allRowsIn;
  }

  get progress(): { loaded: number; refused: number } {
    return { loaded: this.#loaded, refused: this.#refused };
  }

  /** True when this reload has nothing to say any more about changes after the position. */
  isOverAt(position: string): boolean {
    return !this.#isRunning && (this.#snapshotPosition === undefined || this.#isAfterSnapshot(position));
  }

  /** Which changes of a batch are to be applied. To be asked right before they are, and in order. */
  admit({ changes, position }: ChangeBatch<T>): readonly Change<T>[] {
    if (this.#snapshotPosition !== undefined && !this.#isAfterSnapshot(position)) {
      if (this.#hasFailed && changes.some(({ op }) => op === 'truncate')) this.#seen = new IdSet();
      return changes.filter((change) => !this.#isInSnapshot(change));
    }
    for (const change of changes) this.#remember(change, position);
    return changes;
  }

  async run(): Promise<ReloadReport> {
    try {
      return await this.#load();
    } finally {
      this.#isRunning = false;
      this.#rowsWritten();
    }
  }

  async #load(): Promise<ReloadReport> {
    const { session, signal } = this.#context;
    const begunAt = await this.#context.write(() => this.#context.repository.now());
    const mark = await this.#context.write(() => this.#context.repository.markLoad(this.#keys.reloadMark));
    const snapshot = await session.snapshot(signal);
    try {
      this.#settleEarlyTouches(snapshot.position);
      this.#context.onSnapshot(snapshot.position);
      await this.#writeRows(snapshot);
    } finally {
      await snapshot.close();
    }
    // In its turn: a change that was let in before must be written before anybody looks for what is to be removed.
    await this.#context.write(() => Promise.resolve((this.#allRowsIn = true)));
    this.#rowsWritten();
    const removed = await this.#removeOrphans();
    await this.#conclude(snapshot.position, mark, begunAt);
    const report = {
      ...this.progress,
      refusals: this.#refusals,
      removed,
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    };
    this.#context.repository.tellLoaded(report, removed);
    return report;
  }

  get #keys() {
    return this.#context.repository.dataset.keys;
  }

  /** False as long as there is no snapshot. */
  #isAfterSnapshot(position: string): boolean {
    return (
      this.#snapshotPosition !== undefined &&
      this.#context.session.compare(position, this.#snapshotPosition) > 0
    );
  }

  #isInSnapshot(change: Change<T>): boolean {
    if (change.op === 'truncate') return this.#allRowsIn || this.#seen.size > 0;
    return this.#allRowsIn || ('id' in change && this.#seen.has(change.id));
  }

  #remember(change: Change<T>, position: string): void {
    if (change.op === 'truncate') this.#truncatedAt = position;
    else if (!('id' in change)) return;
    else if (this.#snapshotPosition === undefined) this.#touchedEarly.set(change.id, position);
    else this.#touched.add(change.id);
  }

  #settleEarlyTouches(snapshotPosition: string): void {
    this.#snapshotPosition = snapshotPosition;
    for (const [id, position] of this.#touchedEarly) {
      if (this.#isAfterSnapshot(position)) this.#touched.add(id);
    }
    this.#touchedEarly.clear();
  }

  async #writeRows(snapshot: Snapshot<T>): Promise<void> {
    for await (const rows of snapshot.records) {
      this.#context.signal.throwIfAborted();
      let rest = rows;
      while (rest.length > 0) {
        const written = await this.#context.write(() => this.#writeSome(rest));
        rest = rest.slice(written);
      }
      publish({ type: 'load-progress', dataset: this.#context.repository.dataset.name, ...this.progress });
    }
  }

  /** Writes as many of the rows as one transaction takes, and returns how many that were. */
  async #writeSome(rows: readonly T[]): Promise<number> {
    const transaction = await this.#context.repository.begin();
    const refusals: Refusal<unknown>[] = [];
    const ids: string[] = [];
    for (const row of rows) {
      if (transaction.isFull) break;
      const id = (row as { id?: unknown } | null)?.id as string;
      ids.push(id);
      if (this.#isOvertaken(id)) continue;
      const reason = await transaction.save(id, row);
      if (reason) refusals.push({ subject: row, reason });
    }
    await transaction.commit();
    for (const id of ids) if (typeof id === 'string') this.#seen.add(id);
    this.#loaded += transaction.records;
    this.#refused += refusals.length;
    this.#refusals.push(...refusals.slice(0, refusalsKept - this.#refusals.length));
    return ids.length;
  }

  #isOvertaken(id: string): boolean {
    return (
      (typeof id === 'string' && this.#touched.has(id)) ||
      (this.#truncatedAt !== undefined && this.#isAfterSnapshot(this.#truncatedAt))
    );
  }

  async #removeOrphans(): Promise<number> {
    const { repository, patiently, write } = this.#context;
    let removed = 0;
    await patiently(async () => {
      for await (const ids of repository.idPages()) {
        removed += await write(async () => {
          const orphans = ids.filter((id) => !this.#seen.has(id) && !this.#touched.has(id));
          return orphans.length > 0 ? repository.remove(orphans) : 0;
        });
      }
    });
    return removed;
  }

  /** The checkpoint is never before S, since changes up to S are in, nor before what has been applied meanwhile. */
  async #conclude(snapshotPosition: string, mark: LoadMark, begunAt: number): Promise<void> {
    const { repository, session, sourceName } = this.#context;
    await this.#context.write(async () => {
      const applied = this.#context.applied();
      const isAhead = applied !== null && session.compare(applied, snapshotPosition) > 0;
      const aliveSince = Math.max(begunAt, this.#context.aliveSince());
      const position = isAhead ? applied : snapshotPosition;
      const load = { records: this.#loaded, from: sourceName, begunAt: aliveSince };
      await repository.concludeLoad(mark, load, [writeCheckpoint(this.#keys, position)]);
      this.#context.reached(position);
    });
  }
}
