import type { Change } from '../../sync/source.js';

/** Changes in order, each with its number, kept until nobody needs them any more. */
export class ChangeLog<R> {
  readonly #epoch: string;
  #changes: Change<R>[] = [];
  /** How many changes were forgotten, so how far the first kept one is from the very first. */
  #forgotten = 0;
  #waiting: (() => void)[] = [];

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  append(change: Change<R>): void {
    this.#changes.push(change);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The position after the latest change. */
  get end(): string {
    return this.positionOf(this.#forgotten + this.#changes.length);
  }

  positionOf(number: number): string {
    return `${this.#epoch}/${number}`;
  }

  /** How many changes there were up to the position; undefined for a position of another log. */
  numberOf(position: string): number | undefined {
    const [epoch, number] = position.split('/');
    return epoch === this.#epoch && number !== undefined ? Number(number) : undefined;
  }

  has(number: number): boolean {
    return number >= this.#forgotten && number <= this.#forgotten + this.#changes.length;
  }

  after(number: number, limit: number): readonly Change<R>[] {
    if (!this.has(number)) throw new Error('Changes after this position are forgotten.');
    const from = number - this.#forgotten;
    return this.#changes.slice(from, from + limit);
  }

  forget(upTo: number): void {
    const count = Math.min(upTo - this.#forgotten, this.#changes.length);
    if (count <= 0) return;
    this.#changes = this.#changes.slice(count);
    this.#forgotten += count;
  }

  /** Resolves when there is a change after the number, or the signal aborts. */
  async grownBeyond(number: number, signal: AbortSignal): Promise<void> {
    while (this.#forgotten + this.#changes.length <= number && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake);
        this.#waiting.push(wake);
      });
    }
  }
}
