import type { SeqSet } from './seq-set.js';

/** A snapshot that was taken while somebody follows: what it holds comes before it, everything else after it. */
export interface Barrier {
  readonly epoch: number;
  readonly held: SeqSet;
}

/** What makes a session's readings and snapshots come one after the other, so that each row is on one side of each. */
export class Turns {
  readonly #barriers: Barrier[] = [];
  #latest: Promise<unknown> = Promise.resolve();

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#latest.then(work);
    this.#latest = turn.catch(() => undefined);
    return turn;
  }

  raise(barrier: Barrier): void {
    this.#barriers.push(barrier);
  }

  /** The next that somebody meets who is in that epoch. */
  barrierAfter(epoch: number): Barrier | undefined {
    return this.#barriers.find((barrier) => barrier.epoch > epoch);
  }
}
