import type { Change } from '../../sync/source.js';

/** Changes in order, each with its number, kept until no open session needs them any more. */
export class ChangeLog<R> {
  readonly #epoch: string;
  #changes: Change<R>[] = [];
  /** How many changes were forgotten, so how far the first kept one is from the very first. */
  #forgotten = 0;
  /** The number up to which each open session has acknowledged. */
  readonly #acknowledged = new Map<object, number>();
  #waiting: (() => void)[] = [];

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  append(change: Change<R>): void {
    this.#changes.push(change);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** How many changes there ever were. */
  get length(): number {
    return this.#forgotten + this.#changes.length;
  }

  /** The position after the latest change. */
  get end(): string {
    return this.positionOf(this.length);
  }

  positionOf(number: number): string {
    return `${this.#epoch}/${number}`;
  }

  /** How many changes there were up to the position; undefined for a position of another log. */
  numberOf(position: string): number | undefined {
    const [, epoch, number] = /^(.*)\/(\d+)$/.exec(position) ?? [];
    return epoch === this.#epoch ? Number(number) : undefined;
  }

  has(number: number): boolean {
    return number >= this.#forgotten && number <= this.length;
  }

  after(number: number, limit: number): readonly Change<R>[] {
    if (!this.has(number)) throw new Error('Changes after this position are forgotten.');
    const from = number - this.#forgotten;
    return this.#changes.slice(from, from + limit);
  }

  /** From here on changes are kept until this session has acknowledged them, or is closed. */
  open(session: object): void {
    this.#acknowledged.set(session, this.#forgotten);
  }

  acknowledge(session: object, number: number): void {
    const before = this.#acknowledged.get(session);
    if (before === undefined || before >= number) return;
    this.#acknowledged.set(session, number);
    this.#forget(Math.min(...this.#acknowledged.values()));
  }

  /** What it has not acknowledged is kept for its successor until another session moves on. */
  close(session: object): void {
    this.#acknowledged.delete(session);
  }

  #forget(upTo: number): void {
    const count = Math.min(upTo - this.#forgotten, this.#changes.length);
    if (count <= 0) return;
    this.#changes = this.#changes.slice(count);
    this.#forgotten += count;
  }

  /** Resolves when there is a change after the number, or the signal aborts. */
  async grownBeyond(number: number, signal: AbortSignal): Promise<void> {
    while (this.length <= number && !signal.aborted) {
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
