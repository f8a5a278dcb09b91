import type { ChangeBatch, ChangeSource, ChangesOptions, SourceSession } from '../../src/index.js';

/** Each session begins with batches that an earlier one brought, as those of a feed do that remembers less than we. */
export class RedeliveringSource<R> implements ChangeSource<R> {
  readonly name: string;
  readonly #source: ChangeSource<R>;
  readonly #most: number;
  readonly #delivered: ChangeBatch<R>[] = [];

  /** @param most how many batches come once more */
  constructor(source: ChangeSource<R>, most: number) {
    this.name = source.name;
    this.#source = source;
    this.#most = most;
  }

  async open(signal: AbortSignal): Promise<SourceSession<R>> {
    const session = await this.#source.open(signal);
    return {
      resume: (checkpoint) => session.resume(checkpoint),
      snapshot: (until) => session.snapshot(until),
      changes: (after, options) => this.#changes(session, after, options),
      acknowledge: (position) => session.acknowledge(position),
      compare: (a, b) => session.compare(a, b),
      lag: (position) => session.lag(position),
      close: () => session.close(),
    };
  }

  async *#changes(
    session: SourceSession<R>,
    after: string,
    options: ChangesOptions,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const known = this.#delivered.filter(({ position }) => session.compare(position, after) <= 0);
    yield* known.slice(known.length - Math.min(this.#most, known.length));
    for await (const batch of session.changes(after, options)) {
      this.#delivered.push(batch);
      yield batch;
    }
  }
}
