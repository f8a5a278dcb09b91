const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/** Between attempts to make an outbox, of which each one lets writers of the table wait for a moment. */
export class CreationPauses {
  #attempts = 0;
  #overAt = 0;
  /** Why the last attempt failed. */
  #failure: string | undefined;

  /** Undefined when it may be tried. */
  get failure(): string | undefined {
    return performance.now() < this.#overAt ? this.#failure : undefined;
  }

  failed(failure: string): void {
    this.#failure = failure;
    this.#overAt = performance.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** this.#attempts++);
  }

  succeeded(): void {
    this.#attempts = 0;
    this.#overAt = 0;
  }
}
