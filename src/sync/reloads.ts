import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import { PrefetchError } from '../errors.js';
import type { Reload, ReloadReport } from './reload.js';
import type { ChangeBatch } from './source.js';

/** The reload that runs, and earlier ones as long as changes from before their snapshots may still come. */
export class Reloads<T extends Entity> {
  readonly #onInterruption: (error: PrefetchError) => void;
  #known: Reload<T>[] = [];
  #running: Promise<ReloadReport> | undefined;
  #latest: ReloadReport | null = null;

  constructor(onInterruption: (error: PrefetchError) => void) {
    this.#onInterruption = onInterruption;
  }

  /** How far the one has come that runs. */
  get progress(): { loaded: number; refused: number } | null {
    return this.#running ? (this.#known.at(-1)?.progress ?? null) : null;
  }

  /** What came of the latest that ended well. */
  get latest(): ReloadReport | null {
    return this.#latest;
  }

  /** Runs a reload, unless one runs: then that is it. */
  once(begin: () => Reload<T>): Promise<ReloadReport> {
    return (this.#running ??= this.#run(begin).finally(() => (this.#running = undefined)));
  }

  /** All changes of the batch, or those that the reloads do not make needless. */
  admitted(batch: ChangeBatch<T>): readonly Change<T>[] {
    let { changes } = batch;
    for (const reload of this.#known) changes = reload.admit({ ...batch, changes });
    return changes;
  }

  /** Resolves when no reload is about to write records that a change may have to be merged into. */
  async rows(): Promise<void> {
    await Promise.all(this.#known.map(({ rows }) => rows));
  }

  /** Changes up to here have been applied. */
  passed(position: string): void {
    this.#known = this.#known.filter((reload) => !reload.isOverAt(position));
  }

  /** Again from the beginning when somebody cleared or flushed the dataset meanwhile. */
  async #run(begin: () => Reload<T>): Promise<ReloadReport> {
    for (;;) {
      const reload = begin();
      this.#known.push(reload);
      try {
        return (this.#latest = await reload.run());
      } catch (error) {
        if (!(error instanceof PrefetchError && error.code === 'ERR_PREFETCH_LOAD_INTERRUPTED')) throw error;
        this.#onInterruption(error);
      }
    }
  }
}
