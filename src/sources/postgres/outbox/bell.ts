import { setTimeout as sleep } from 'node:timers/promises';

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

  /** Resolves when it rings, has rung, or the most is over, but not before the least is; at once when the signal aborts. */
  async wait(
    { leastMs = 0, mostMs }: { leastMs?: number; mostMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    if (leastMs > 0) await sleep(leastMs, undefined, { signal }).catch(() => undefined);
    if (this.#hasRung || signal.aborted || mostMs <= leastMs) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, mostMs - leastMs);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}
