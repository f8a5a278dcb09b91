import { IdSet } from './id-set.js';
import type { ChangeBatch } from './source.js';

/**
 * The ids that changes after a snapshot touched. Kept from before the snapshot is asked for, since a change can overtake
 * the answer; which of the early ones count is known when the position of the snapshot is.
 */
export class TouchedIds {
  readonly #compare: (a: string, b: string) => number;
  #ids = new IdSet();
  /** The position of the last change to each id before the snapshot was there. */
  readonly #early = new Map<string, string>();
  #truncatedAt: string | undefined;
  #snapshotPosition: string | undefined;

  constructor(compare: (a: string, b: string) => number) {
    this.#compare = compare;
  }

  /** True: a truncate came after the snapshot, so that no row of it says anything any more. */
  get isAll(): boolean {
    return this.#truncatedAt !== undefined && this.isAfterSnapshot(this.#truncatedAt);
  }

  /** To be called right before the changes are applied, and in order. */
  remember({ changes, position }: ChangeBatch<unknown>): void {
    const isSettled = this.#snapshotPosition !== undefined;
    if (isSettled && !this.isAfterSnapshot(position)) return;
    for (const change of changes) {
      if (change.op === 'truncate') this.#truncatedAt = position;
      else if (change.id === undefined) continue;
      else if (isSettled) this.#ids.add(change.id);
      else this.#early.set(change.id, position);
    }
  }

  /** Nobody will ask for ids any more. */
  forget(): void {
    this.#ids = new IdSet();
    this.#early.clear();
  }

  settle(snapshotPosition: string): void {
    this.#snapshotPosition = snapshotPosition;
    for (const [id, position] of this.#early) if (this.isAfterSnapshot(position)) this.#ids.add(id);
    this.#early.clear();
  }

  /** True when a change after the snapshot brought this very id. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** True when the row of this id says nothing any more. */
  overtakes(id: string): boolean {
    return this.isAll || this.has(id);
  }

  /** False as long as there is no snapshot. */
  isAfterSnapshot(position: string): boolean {
    return this.#snapshotPosition !== undefined && this.#compare(position, this.#snapshotPosition) > 0;
  }
}
