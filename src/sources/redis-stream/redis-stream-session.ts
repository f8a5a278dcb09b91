import { compareEntryIds } from '../../redis/streams/entry-id.js';
import type { SnapshotFunction } from '../loading/snapshot-function.js';
import type { StreamEntry } from '../../redis/streams/stream-entry.js';
import { loadAtEnd } from '../loading/stream-load.js';
import type { StreamReader } from '../../redis/streams/stream-reader.js';
import type {
  Change,
  ChangeBatch,
  ChangesOptions,
  Snapshot,
  SourceLag,
  SourceSession,
} from '../../sync/source.js';
import { decodeEntry } from './change-entry.js';

export class RedisStreamSession<R extends object> implements SourceSession<R> {
  readonly #reader: StreamReader;
  readonly #snapshot: SnapshotFunction<R>;

  constructor(reader: StreamReader, snapshot: SnapshotFunction<R>) {
    this.#reader = reader;
    this.#snapshot = snapshot;
  }

  get isConnected(): boolean {
    return this.#reader.isConnected;
  }

  resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    return this.#reader.resume(checkpoint);
  }

  snapshot(signal: AbortSignal): Promise<Snapshot<R>> {
    return loadAtEnd(this.#reader, this.#snapshot, signal);
  }

  async *changes(after: string, options: ChangesOptions): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    for await (const entries of this.#reader.entries(after, options)) {
      yield { changes: changesIn<R>(entries), position: entries.at(-1)?.[0] ?? after, complete: true };
    }
  }

  acknowledge(position: string): Promise<void> {
    return this.#reader.acknowledge(position);
  }

  compare(a: string, b: string): number {
    return compareEntryIds(a, b);
  }

  end(): Promise<string> {
    return this.#reader.end();
  }

  lag(position: string): Promise<SourceLag> {
    return this.#reader.lag(position);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

function changesIn<R>(entries: readonly StreamEntry[]): Change<R>[] {
  return entries.map((entry) => decodeEntry<R>(entry)).filter((change) => change !== undefined);
}
