import { PrefetchError } from '../../errors.js';
import { compareEntryIds } from '../../redis/streams/entry-id.js';
import type { StreamEntry } from '../../redis/streams/stream-entry.js';
import { loadAtEnd, streamLoad } from '../loading/stream-load.js';
import { pagesOf } from '../loading/snapshot-function.js';
import type { StreamReader } from '../../redis/streams/stream-reader.js';
import type {
  Change,
  ChangeBatch,
  ChangesOptions,
  Snapshot,
  SourceLag,
  SourceSession,
  SourceWarning,
} from '../../sync/source.js';
import { EntryReader } from './entry-reader.js';
import type { ReadEvent } from './event-reader.js';
import type { LoadsNeeded } from './loads-needed.js';
import type { ResolvedOptions } from './options.js';
import { readStreamState } from './stream-snapshot.js';
import { Window } from './window.js';

export class DebeziumSession<R extends object> implements SourceSession<R> {
  readonly #options: ResolvedOptions<R>;
  readonly #stream: StreamReader;
  readonly #loadsNeeded: LoadsNeeded;
  readonly #onWarning: (warning: SourceWarning) => void;
  #window: Window;

  constructor(
    options: ResolvedOptions<R>,
    stream: StreamReader,
    loadsNeeded: LoadsNeeded,
    onWarning: (warning: SourceWarning) => void,
  ) {
    this.#options = options;
    this.#stream = stream;
    this.#loadsNeeded = loadsNeeded;
    this.#onWarning = onWarning;
    this.#window = new Window(options.orderWindow);
  }

  get isConnected(): boolean {
    return this.#stream.isConnected;
  }

  async resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    const resumed = await this.#stream.resume(checkpoint);
    const why = 'from' in resumed ? this.#loadsNeeded.after(resumed.from) : undefined;
    return why === undefined ? resumed : { reload: 'source-changed', detail: why };
  }

  async snapshot(signal: AbortSignal): Promise<Snapshot<R>> {
    const { snapshot } = this.#options;
    if (snapshot) return loadAtEnd(this.#stream, snapshot, signal);
    const { position, records } = await readStreamState(this.#stream, this.#options, signal, this.#onWarning);
    return streamLoad(this.#stream, {
      position,
      exact: true,
      pages: pagesOf(records.values(), signal),
      total: records.size,
    });
  }

  async *changes(after: string, options: ChangesOptions): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const reader = await this.#readerAt(after, options.signal);
    if (!reader) return;
    let position = after;
    for await (const entries of this.#stream.entries(after, options)) {
      for (const batch of batchesOf(entries, position, options.maxBatch, (entry) =>
        this.#read(reader, entry),
      )) {
        if (options.signal.aborted) return;
        position = batch.position;
        yield batch;
      }
    }
  }

  /** As many entries as events may come late are kept, for whoever goes on from here. */
  async acknowledge(position: string): Promise<void> {
    const oldest = this.#window.behind(position);
    if (oldest !== undefined) await this.#stream.acknowledge(oldest);
  }

  compare(a: string, b: string): number {
    return compareEntryIds(a, b);
  }

  end(): Promise<string> {
    return this.#stream.end();
  }

  lag(position: string): Promise<SourceLag> {
    return this.#stream.lag(position);
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  /** A reader that knows what came shortly before; none when nobody wants it any more. */
  async #readerAt(position: string, signal: AbortSignal): Promise<EntryReader<R> | undefined> {
    const { orderWindow } = this.#options;
    const reader = new EntryReader(this.#options);
    const ids: string[] = [];
    try {
      for await (const [id] of this.#stream.entriesBefore(position, orderWindow + 1)) {
        signal.throwIfAborted();
        ids.push(id);
      }
      const oldest = ids.at(-1);
      this.#window = new Window(orderWindow);
      if (oldest === undefined) return reader;
      for (const id of ids.reverse()) this.#window.push(id);
      this.#stream.keep(oldest);
      for await (const entry of this.#stream.entriesBetween(oldest, position, signal)) reader.read(entry);
    } catch (error) {
      if (signal.aborted || this.#stream.isClosed) return undefined;
      throw error;
    }
    return reader;
  }

  /** @throws PrefetchError when only a load helps */
  #read(reader: EntryReader<R>, entry: StreamEntry): ReadEvent<R> {
    const event = reader.read(entry);
    this.#window.push(entry[0]);
    if (event.warning) this.#onWarning(event.warning);
    if (event.loadNeeded === undefined) return event;
    const why = this.#loadsNeeded.note(entry[0], event.loadNeeded);
    throw new PrefetchError(
      'ERR_PREFETCH_SOURCE',
      `Changes are missing in \`${this.#options.stream}\`. ${why}`,
    );
  }
}

/** What entries say, no more changes at a time than are wanted. A failure comes after what was before it. */
function* batchesOf<R>(
  entries: readonly StreamEntry[],
  after: string,
  maxBatch: number,
  read: (entry: StreamEntry) => ReadEvent<R>,
): Generator<ChangeBatch<R>, void, undefined> {
  let changes: Change<R>[] = [];
  let position = after;
  for (const entry of entries) {
    let given: readonly Change<R>[];
    try {
      ({ changes: given } = read(entry));
    } catch (error) {
      if (position !== after) yield { changes, position, complete: true };
      throw error;
    }
    if (changes.length > 0 && changes.length + given.length > maxBatch) {
      yield { changes, position, complete: true };
      changes = [];
    }
    let rest = given;
    for (; rest.length > maxBatch; rest = rest.slice(maxBatch)) {
      yield { changes: rest.slice(0, maxBatch), position, complete: false };
    }
    changes.push(...rest);
    position = entry[0];
  }
  yield { changes, position, complete: true };
}
