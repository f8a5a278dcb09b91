import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import { PrefetchError } from '../errors.js';
import type { ReconcileReport, Reconciliation } from './reconciliation.js';
import { type Reload, type ReloadReport, withoutRefused } from './reload.js';
import type { ChangeBatch } from './source.js';

export interface ErrandsContext {
  /** Somebody cleared or flushed the dataset while it was loaded. */
  readonly onInterruption: (error: PrefetchError) => void;
  /** The position up to which everything has been applied, if anything has. */
  readonly applied: () => string | null;
  /** Takes the mark of failed loads away. */
  readonly unmark: () => Promise<void>;
}

interface RunningReload {
  readonly report: Promise<ReloadReport>;
  readonly isForced: boolean;
}

/** A reconciliation that can be given up. */
interface RunningReconciliation<T extends Entity> {
  readonly reconciliation: Reconciliation<T>;
  readonly giveUp: (reason: PrefetchError) => void;
}

/**
 * What a worker does beside following: reloads, reconciliations, replays, one at a time. A reload makes a
 * reconciliation needless and ends it. Changes that are applied meanwhile are shown to them here.
 */
export class Errands<T extends Entity> {
  readonly #context: ErrandsContext;
  /** The reload that runs, and earlier ones as long as changes from before their snapshots may still come. */
  #reloads: Reload<T>[] = [];
  #reloading: RunningReload | undefined;
  /** Reloads that have failed and left their mark, since the latest that ended well. */
  #failed: Reload<T>[] = [];
  #reconciling: RunningReconciliation<T> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #latest: ReloadReport | null = null;

  constructor(context: ErrandsContext) {
    this.#context = context;
  }

  get isReloading(): boolean {
    return this.#reloading !== undefined;
  }

  /** How far the reload has come that runs. */
  get progress(): Reload<T>['progress'] | null {
    return this.#reloading ? (this.#reloads.at(-1)?.progress ?? null) : null;
  }

  /** What came of the latest reload that ended well. */
  get latest(): ReloadReport | null {
    return this.#latest;
  }

  /** Runs a reload, or joins the one that runs, unless this one must do what that one would refuse. */
  reload(isForced: boolean, begin: () => Reload<T>): Promise<ReloadReport> {
    if (this.#reloading && (this.#reloading.isForced || !isForced)) return this.#reloading.report;
    this.#reconciling?.giveUp(interrupted('a reload began, which makes it needless'));
    const report = this.inTurn(() => this.#reload(begin));
    const running = { report, isForced };
    this.#reloading = running;
    const ended = () => {
      if (this.#reloading === running) this.#reloading = undefined;
    };
    report.then(ended, ended);
    return report;
  }

  reconcile(
    begin: (signal: AbortSignal) => Reconciliation<T>,
    signal: AbortSignal,
  ): Promise<ReconcileReport> {
    return this.inTurn(async () => {
      const ending = new AbortController();
      const end = () => {
        ending.abort(signal.reason);
      };
      signal.addEventListener('abort', end);
      const giveUp = (reason: PrefetchError) => {
        ending.abort(reason);
      };
      const reconciliation = begin(ending.signal);
      this.#reconciling = { reconciliation, giveUp };
      if (this.#reloading) giveUp(interrupted('a reload waits, which makes it needless'));
      try {
        return await reconciliation.run();
      } finally {
        this.#reconciling = undefined;
        signal.removeEventListener('abort', end);
      }
    });
  }

  /** Runs the work when no errand before it is left. */
  inTurn<R>(work: () => Promise<R>): Promise<R> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** All changes of the batch, or those that the reloads do not make needless. */
  admitted(batch: ChangeBatch<T>, refused: ReadonlySet<unknown>): readonly Change<T>[] {
    this.#reconciling?.reconciliation.remember(withoutRefused(batch, refused));
    let { changes } = batch;
    for (const reload of this.#reloads) changes = reload.admit({ ...batch, changes }, refused);
    return changes;
  }

  /** Resolves when no reload is about to write records that a change may have to be merged into. */
  async rows(): Promise<void> {
    await Promise.all(this.#reloads.map(({ rows }) => rows));
  }

  /** Changes up to here have been applied. */
  passed(position: string): void {
    if (this.#failed.length > 0 && !this.#reloading) {
      this.inTurn(() => this.#unmark(position)).catch(() => undefined); // the term is over, and the next looks anew
    }
    this.#reloads = this.#reloads.filter((reload) => !reload.isOverAt(position));
  }

  /** Again from the beginning when somebody cleared or flushed the dataset meanwhile. */
  async #reload(begin: () => Reload<T>): Promise<ReloadReport> {
    for (;;) {
      const reload = begin();
      this.#reloads.push(reload);
      try {
        this.#latest = await reload.run();
        this.#reloads = [reload]; // which knows of everything up to its position
        this.#failed = [];
        return this.#latest;
      } catch (error) {
        if (!(error instanceof PrefetchError && error.code === 'ERR_PREFETCH_LOAD_INTERRUPTED')) {
          this.#failed.push(reload);
          await this.#unmark(this.#context.applied()).catch(() => undefined);
          throw error;
        }
        this.#context.onInterruption(error);
      }
    }
  }

  /** A failed load of which nothing is left need not be made up for by the next worker. */
  async #unmark(position: string | null): Promise<void> {
    if (position === null || this.#failed.length === 0) return;
    if (!this.#failed.every((reload) => reload.isHistoryAt(position))) return;
    await this.#context.unmark();
    this.#failed = [];
  }
}

function interrupted(why: string): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_RECONCILE_INTERRUPTED', `The comparison was given up: ${why}.`);
}
