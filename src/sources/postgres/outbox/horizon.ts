/** What one look at the outbox tells of transactions, by Postgres' own numbers of them. */
export interface Look {
  /** Those before it have ended. */
  readonly oldestOpen: bigint;
  /** Those from here on had not begun. */
  readonly next: bigint;
  /** It has shown everything up to this row. */
  readonly through: number;
}

/**
 * Finds out up to where no row can appear any more. A number is taken by a transaction that has begun; when all that
 * had begun by then have ended, the numbers that are still missing were rolled back.
 */
export class Horizon {
  #waiting: { readonly top: number; readonly next: bigint } | undefined;

  /**
   * @param top the highest number that was seen so far
   * @returns up to where all is settled, or undefined when nothing new is
   */
  settled(look: Look, top: number): number | undefined {
    const waiting = this.#waiting;
    const isOver = waiting && look.oldestOpen >= waiting.next && look.through >= waiting.top;
    if (!waiting || isOver) this.#waiting = { top, next: look.next };
    return isOver ? waiting.top : undefined;
  }
}
