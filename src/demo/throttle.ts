/** Admits one in so many milliseconds; the others are too many. */
export class Throttle {
  readonly #everyMs: number;
  #next = 0;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  admits(): boolean {
    const now = performance.now();
    if (now < this.#next) return false;
    this.#next = now + this.#everyMs;
    return true;
  }
}
