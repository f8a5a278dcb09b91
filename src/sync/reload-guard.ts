import { PrefetchError } from '../errors.js';

const whatToDo =
  'Nothing was removed. If the primary is right, say so: reload({ force: true }), or start({ force: true }) for a worker that cannot start.';

export interface RemovalPlan {
  /** How many rows the snapshot had. */
  readonly rows: number;
  /** How many records are to be removed. */
  readonly orphans: number;
  /** How many records there are, or were before the load. */
  readonly present: number;
}

/** What must hold before records are taken away, unless somebody forces it. */
export class ReloadGuard {
  readonly #dataset: string;
  readonly #maxShrink: number;

  constructor(dataset: string, maxShrink: number) {
    this.#dataset = dataset;
    this.#maxShrink = maxShrink;
  }

  /** An error `ERR_PREFETCH_RELOAD_REFUSED`, or null when they may be removed. */
  whyNotRemoved({ rows, orphans, present }: RemovalPlan): PrefetchError | null {
    if (orphans === 0) return null;
    if (rows === 0) return this.#refused(`The snapshot is empty, and ${figure(orphans)} records are there.`);
    const share = orphans / Math.max(present, orphans);
    if (share <= this.#maxShrink) return null;
    return this.#refused(
      `The snapshot has ${figure(rows)} rows and lacks ${figure(orphans)} of ${figure(present)} records that are there: ${percent(share)}, and maxShrink allows ${percent(this.#maxShrink)}.`,
    );
  }

  duplicate(id: string, rowsBefore: number): PrefetchError {
    return this.#refused(`The id ${id} came twice in the snapshot, again after ${figure(rowsBefore)} rows.`);
  }

  #refused(why: string): PrefetchError {
    return new PrefetchError('ERR_PREFETCH_RELOAD_REFUSED', `${this.#dataset}: ${why} ${whatToDo}`);
  }
}

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
