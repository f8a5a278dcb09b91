import { pauseBefore } from '../redis/patience.js';

const longestPauseMs = 60_000;

/** Loads again what Redis has lost, at once when that is seen; after a load that failed, with growing pauses. */
export class Healing {
  readonly #load: (why: string) => Promise<unknown>;
  readonly #onFailure: (error: unknown) => void;
  #isLoading = false;
  #failures = 0;
  #againAt = 0;

  constructor(load: (why: string) => Promise<unknown>, onFailure: (error: unknown) => void) {
    this.#load = load;
    this.#onFailure = onFailure;
  }

  /** May be called with every symptom, however many there are. */
  heal(why: string): void {
    if (this.#isLoading || performance.now() < this.#againAt) return;
    this.#isLoading = true;
    this.#load(why)
      .then(
        () => (this.#failures = 0),
        (error: unknown) => {
          this.#againAt = performance.now() + pauseBefore(this.#failures++, longestPauseMs);
          this.#onFailure(error);
        },
      )
      .finally(() => (this.#isLoading = false));
  }
}
