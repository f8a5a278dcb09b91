import type { ChangeBatch, ChangesOptions, Snapshot, SourceLag, SourceSession } from '../../sync/source.js';
import type { ChangeLog } from './change-log.js';

const rowsPerPage = 1_000;

export class MemorySession<R> implements SourceSession<R> {
  readonly #log: ChangeLog<R>;
  readonly #read: () => Promise<{ records: R[]; position: string }>;

  /** @param read gives all records and the position of the log at one and the same moment */
  constructor(log: ChangeLog<R>, read: () => Promise<{ records: R[]; position: string }>) {
    this.#log = log;
    this.#read = read;
    log.open(this);
  }

  resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    if (checkpoint === null)
      return Promise.resolve({ reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' });
    const number = this.#log.numberOf(checkpoint);
    if (number === undefined) {
      const detail = 'The checkpoint was written by another process, and changes live in memory.';
      return Promise.resolve({ reload: 'unknown-position', detail });
    }
    if (!this.#log.has(number)) {
      return Promise.resolve({
        reload: 'lost-changes',
        detail: 'Changes after the checkpoint are forgotten.',
      });
    }
    return Promise.resolve({ from: checkpoint });
  }

  async snapshot(): Promise<Snapshot<R>> {
    const { records, position } = await this.#read();
    return {
      position,
      exact: true,
      records: pages(records),
      total: records.length,
      close: () => Promise.resolve(),
    };
  }

  async *changes(
    after: string,
    { signal, maxBatch }: ChangesOptions,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    let number = this.#numberOf(after);
    for (;;) {
      await this.#log.grownBeyond(number, signal);
      if (signal.aborted) return;
      const changes = this.#log.after(number, maxBatch);
      number += changes.length;
      yield { changes, position: this.#log.positionOf(number), complete: true };
    }
  }

  acknowledge(position: string): Promise<void> {
    this.#log.acknowledge(this, this.#numberOf(position));
    return Promise.resolve();
  }

  compare(a: string, b: string): number {
    return this.#numberOf(a) - this.#numberOf(b);
  }

  end(): Promise<string> {
    return Promise.resolve(this.#log.end);
  }

  lag(position: string): Promise<SourceLag> {
    const number = this.#numberOf(position);
    const oldest = this.#log.after(number, 1)[0]?.timestampMs;
    return Promise.resolve({
      events: this.#log.length - number,
      ms: oldest === undefined ? 0 : Date.now() - oldest,
    });
  }

  close(): Promise<void> {
    this.#log.close(this);
    return Promise.resolve();
  }

  #numberOf(position: string): number {
    const number = this.#log.numberOf(position);
    if (number === undefined) throw new Error(`The position ${position} is not one of this primary.`);
    return number;
  }
}

async function* pages<R>(records: readonly R[]): AsyncGenerator<readonly R[], void, undefined> {
  for (let i = 0; i < records.length; i += rowsPerPage) {
    yield await Promise.resolve(records.slice(i, i + rowsPerPage));
  }
}
