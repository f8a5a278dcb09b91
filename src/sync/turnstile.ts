import { PrefetchError } from '../errors.js';
import { settlesWithin } from '../settling.js';

/** Lets one piece of work through at a time, in order, and none while it is closed. */
export class Turnstile {
  readonly #signal: AbortSignal;
  #last: Promise<unknown> = Promise.resolve();
  #inside: Promise<unknown> | undefined;
  #closings = 0;
  #waiting: (() => void)[] = [];

  /** @param signal what waits outside when it aborts is refused with the signal's reason */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#wake();
    });
  }

  /** Closed, and nothing is inside any more. */
  get isQuiet(): boolean {
    return this.#isClosed && !this.#inside;
  }

  get #isClosed(): boolean {
    return this.#closings > 0;
  }

  async pass<R>(work: () => Promise<R>): Promise<R> {
    const mine = this.#last.then(() => this.#enter(work));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /**
   * Resolves when nothing is inside. Every closing needs its own opening.
   *
   * @throws PrefetchError when what is inside does not come out in time; then this closing is taken back
   */
  async close(timeoutMs: number): Promise<void> {
    this.#closings++;
    if (!this.#inside || (await settlesWithin(this.#inside, timeoutMs))) return;
    this.open();
    throw new PrefetchError(
      'ERR_PREFETCH_PAUSE_TIMEOUT',
      `What was being written did not end within ${timeoutMs} ms, so the worker is not paused. Redis may be slow or gone: look at status().`,
    );
  }

  open(): void {
    if (this.#closings === 0) return;
    this.#closings--;
    if (this.#closings === 0) this.#wake();
  }

  /** True when nothing was inside any more within the time. */
  drained(timeoutMs: number): Promise<boolean> {
    return settlesWithin(this.#inside ?? Promise.resolve(), timeoutMs);
  }

  async #enter<R>(work: () => Promise<R>): Promise<R> {
    while (this.#isClosed && !this.#signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#signal.throwIfAborted();
    const inside = work();
    this.#inside = inside;
    try {
      return await inside;
    } finally {
      this.#inside = undefined;
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
