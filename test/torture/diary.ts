const remembered = 12;

/** What happened when, told on standard error, and the latest of it for who wants to know why. */
export class Diary {
  readonly #startedAt = performance.now();
  readonly #latest: string[] = [];

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  /** The latest things that were noted, oldest first. */
  get latest(): readonly string[] {
    return this.#latest;
  }

  note(what: string): void {
    this.#latest.push(this.say(what));
    if (this.#latest.length > remembered) this.#latest.shift();
  }

  /** Tells it and forgets it. */
  say(what: string): string {
    const line = `${this.seconds.toFixed(2).padStart(7)} s  ${what}`;
    process.stderr.write(`${line}\n`);
    return line;
  }
}
