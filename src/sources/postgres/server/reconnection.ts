import { setTimeout as sleep } from 'node:timers/promises';
import { pauseBefore } from '../../../redis/patience.js';
import { isPassing } from './postgres-error.js';

const longestPauseMs = 1_000;

/** The growing pauses between attempts to connect again, for as long as that may help. */
export class Reconnection {
  readonly #withinMs: number;
  readonly #onFirst: (message: string) => void;
  #troubleSince: number | undefined;
  #attempts = 0;

  /** @param onFirst hears once for each trouble */
  constructor(withinMs: number, onFirst: (message: string) => void) {
    this.#withinMs = withinMs;
    this.#onFirst = onFirst;
  }

  /** To be called when the line works. */
  succeeded(): void {
    this.#troubleSince = undefined;
    this.#attempts = 0;
  }

  /** @throws the error when connecting again does not help, or has not helped for too long */
  async pauseAfter(error: unknown, signal: AbortSignal): Promise<void> {
    if (!isPassing(error)) throw error;
    this.#troubleSince ??= performance.now();
    if (performance.now() - this.#troubleSince > this.#withinMs) throw error;
    if (this.#attempts === 0) this.#onFirst(`Connecting again. ${String(error)}`);
    await sleep(pauseBefore(this.#attempts++, longestPauseMs), undefined, { signal });
  }
}
