import type { Change, ChangeBatch, SourceSession } from '../../src/index.js';
import { until } from './until.js';

/** Somebody who takes every batch of a feed as soon as it is there. */
export class Following<R> {
  readonly batches: ChangeBatch<R>[] = [];
  error: unknown;
  hasEnded = false;
  readonly #abort = new AbortController();

  constructor(session: SourceSession<R>, after: string, maxBatch = 500) {
    this.#follow(session, after, maxBatch).then(
      () => (this.hasEnded = true),
      (error: unknown) => (this.error = error),
    );
  }

  get changes(): Change<R>[] {
    return this.batches.flatMap(({ changes }) => changes);
  }

  /** The ids of the changed records, in the order of the changes. */
  get ids(): string[] {
    return this.changes.map((change) => ('id' in change ? change.id : change.op));
  }

  get position(): string | undefined {
    return this.batches.at(-1)?.position;
  }

  async hasSeen(count: number): Promise<void> {
    await until(() => this.error !== undefined || this.changes.length >= count);
    if (this.error !== undefined) throw this.error as Error;
  }

  async failure(): Promise<unknown> {
    await until(() => this.error !== undefined);
    return this.error;
  }

  /** Resolves when the feed has ended, with how long that took. */
  async abort(): Promise<number> {
    const begun = performance.now();
    this.#abort.abort();
    await until(() => this.hasEnded);
    return performance.now() - begun;
  }

  async #follow(session: SourceSession<R>, after: string, maxBatch: number): Promise<void> {
    const options = { signal: this.#abort.signal, maxBatch };
    for await (const batch of session.changes(after, options)) this.batches.push(batch);
  }
}
