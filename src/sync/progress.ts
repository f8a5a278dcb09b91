import { PrefetchError } from '../errors.js';

/** How far a term has come, and who waits for it to come further. */
export class Progress {
  readonly #compare: (a: string, b: string) => number;
  #position: string | null = null;
  #lastAppliedAt: string | null = null;
  #waiting: (() => void)[] = [];

  constructor(compare: (a: string, b: string) => number) {
    this.#compare = compare;
  }

  get position(): string | null {
    return this.#position;
  }

  get lastAppliedAt(): string | null {
    return this.#lastAppliedAt;
  }

  reached(position: string): void {
    this.#position = position;
    this.#lastAppliedAt = new Date().toISOString();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /**
   * Resolves when everything up to the position has been applied.
   *
   * @throws PrefetchError `ERR_PREFETCH_RECONCILE_INTERRUPTED` when that takes longer than the time
   */
  async past(position: string, signal: AbortSignal, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.#position === null || this.#compare(this.#position, position) < 0) {
      signal.throwIfAborted();
      if (!(await this.#further(signal, deadline - performance.now()))) throw lagging(position, timeoutMs);
    }
  }

  /** False when nothing was applied within the time. */
  #further(signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isFurther: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        resolve(isFurther);
      };
      const wake = () => {
        settle(true);
      };
      const timer = setTimeout(settle, Math.max(0, timeoutMs), false);
      signal.addEventListener('abort', wake);
      this.#waiting.push(wake);
    });
  }
}

function lagging(position: string, timeoutMs: number): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_RECONCILE_INTERRUPTED',
    `The comparison was given up: the feed did not come as far as ${position} within ${timeoutMs} ms. Reconcile again when lag() is small.`,
  );
}
