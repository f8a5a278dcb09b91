/** Wakes who waits, or who is about to. */
export class Bell {
  #hasRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** What rang before has been seen to. */
  silence(): void {
    this.#hasRung = false;
  }

  /** Resolves when it rings, has rung, when the time is over, or the signal aborts. */
  wait(mostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#hasRung || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, mostMs);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}
