import { anySignal } from '../../any-signal.js';
import { PrefetchError } from '../../errors.js';
import { type RedisClient, send } from '../client.js';
import { beforeAll, compareEntryIds, isEntryId } from './entry-id.js';
import { endOf } from './stream-end.js';
import type { StreamEntry } from './stream-entry.js';
import { streamError } from './stream-error.js';
import { StreamFeed } from './stream-feed.js';
import { type StreamLag, readLag } from './stream-lag.js';
import { type Gap, gapAfter, readState } from './stream-state.js';
import type { Trimmer } from './trimmer.js';
import { patiently } from './waiting.js';

export interface StreamReaderOptions {
  readonly client: RedisClient;
  readonly stream: string;
  readonly blockMs: number;
  /** Of all readers of the source; none when nothing is to be trimmed. */
  readonly trimmer: Trimmer | undefined;
}

type Resumed =
  | { from: string }
  | { reload: 'no-checkpoint' | 'unknown-position' | 'lost-changes' | 'source-changed'; detail: string };

const entriesPerPage = 100;

/** One reader of a stream that others write: where it can go on, what comes, and what may be forgotten. */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #opener: AbortSignal;
  readonly #closing = new AbortController();
  readonly #end = () => {
    this.#closing.abort(this.#opener.reason);
  };
  /** Found while following. Until the next load no position is one to go on from: what was read may be lost too. */
  #gap: Gap | undefined;
  #isConnected = true;
  /** The latest position that was seen, in whatever became of the stream. */
  #latest = beforeAll;

  constructor(options: StreamReaderOptions, signal: AbortSignal) {
    this.#options = options;
    this.#opener = signal;
    signal.addEventListener('abort', this.#end);
    if (signal.aborted) this.#end();
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** False while Redis does not answer. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  async resume(checkpoint: string | null): Promise<Resumed> {
    if (checkpoint === null) return { reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' };
    if (!isEntryId(checkpoint)) {
      const detail = `The checkpoint ${checkpoint} is not the id of an entry.`;
      return { reload: 'unknown-position', detail };
    }
    const { client, stream } = this.#options;
    this.#passed(checkpoint);
    const state = await this.#patiently(() => readState(client, stream, checkpoint), this.#closing.signal);
    const gap = this.#gap ?? gapAfter(checkpoint, state);
    if (gap) return gap;
    this.keep(checkpoint);
    return { from: checkpoint };
  }

  /** The id of the newest entry; where there is none to stand at, one is written. */
  end(signal: AbortSignal = this.#closing.signal): Promise<string> {
    const { client, stream } = this.#options;
    return this.#patiently(() => endOf(client, stream, this.#latest), signal);
  }

  /** The entries after a position, as they come; ends when the signal aborts. */
  async *entries(
    after: string,
    { signal, maxBatch }: { readonly signal: AbortSignal; readonly maxBatch: number },
  ): AsyncGenerator<readonly StreamEntry[], void, undefined> {
    const { client, stream, blockMs } = this.#options;
    const feed = new StreamFeed(client, stream, blockMs);
    const ending = new AbortController();
    const end = () => {
      ending.abort();
      feed.close();
    };
    const ends = [signal, this.#closing.signal];
    for (const each of ends) each.addEventListener('abort', end);
    if (ends.some(({ aborted }) => aborted)) end();
    try {
      let position = after;
      while (!ending.signal.aborted) {
        const { entries, gap } = await this.#patiently(() => feed.after(position, maxBatch), ending.signal);
        if (gap) throw this.#missing(gap);
        const last = entries.at(-1);
        if (last === undefined) continue;
        position = last[0];
        this.#passed(position);
        yield entries;
      }
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    } finally {
      for (const each of ends) each.removeEventListener('abort', end);
      end();
    }
  }

  /** What is there after a position, or from the first entry on, up to the end. */
  async *entriesAfter(position: string, signal: AbortSignal): AsyncGenerator<StreamEntry, void, undefined> {
    yield* this.entriesBetween(position === '' ? '-' : `(${position}`, '+', signal);
  }

  /** What is there from an entry on, up to another, both with it. */
  async *entriesBetween(
    first: string,
    last: string,
    signal: AbortSignal,
  ): AsyncGenerator<StreamEntry, void, undefined> {
    const { stream } = this.#options;
    const count = ['COUNT', String(entriesPerPage)];
    for (let from = first; ;) {
      const page = await this.#page(['XRANGE', stream, from, last, ...count], signal);
      yield* page;
      const newest = page.at(-1);
      if (newest === undefined || page.length < entriesPerPage) return;
      from = `(${newest[0]}`;
    }
  }

  /** What is still there up to a position, the newest first. */
  async *entriesBefore(position: string, limit: number): AsyncGenerator<StreamEntry, void, undefined> {
    const { stream } = this.#options;
    let newest = position;
    for (let left = limit; left > 0; left -= entriesPerPage) {
      const count = Math.min(left, entriesPerPage);
      const command = ['XREVRANGE', stream, newest, '-', 'COUNT', String(count)];
      const page = await this.#page(command, this.#closing.signal);
      yield* page;
      const oldest = page.at(-1);
      if (oldest === undefined || page.length < count) return;
      newest = `(${oldest[0]}`;
    }
  }

  /** @throws PrefetchError when the stream does not hold all that is after the position */
  async checkReachable(position: string, signal: AbortSignal): Promise<void> {
    const { client, stream } = this.#options;
    const gap = gapAfter(position, await this.#patiently(() => readState(client, stream, position), signal));
    if (!gap) return;
    throw new PrefetchError(
      'ERR_PREFETCH_SOURCE',
      `The stream \`${stream}\` does not reach back to ${position}, where the snapshot stands. ${gap.detail}`,
    );
  }

  /** Hands on what is loaded; once it all is, positions are again what to go on from. */
  async *loading<P>(pages: AsyncGenerator<P, void, undefined>): AsyncGenerator<P, void, undefined> {
    const gap = this.#gap;
    yield* pages;
    if (this.#gap === gap) this.#gap = undefined;
  }

  /** This entry and what is after it is not trimmed until it is acknowledged. */
  keep(position: string): void {
    this.#options.trimmer?.keep(this, position);
  }

  async acknowledge(position: string): Promise<void> {
    await this.#options.trimmer?.acknowledge(this, position);
  }

  lag(position: string): Promise<StreamLag> {
    const { client, stream } = this.#options;
    return readLag(client, stream, position);
  }

  async close(): Promise<void> {
    this.#opener.removeEventListener('abort', this.#end);
    this.#end();
    await this.#options.trimmer?.settled();
    this.#options.trimmer?.release(this);
  }

  async #page(command: readonly string[], signal: AbortSignal): Promise<readonly StreamEntry[]> {
    const { client, stream } = this.#options;
    const ending = anySignal(signal, this.#closing.signal);
    try {
      return await this.#patiently(async () => {
        try {
          return (await send(client, command)) as readonly StreamEntry[];
        } catch (error) {
          throw streamError(stream, error);
        }
      }, ending.signal);
    } finally {
      ending.release();
    }
  }

  async #patiently<A>(question: () => Promise<A>, signal: AbortSignal): Promise<A> {
    const answer = await patiently(question, signal, () => (this.#isConnected = false));
    this.#isConnected = true;
    return answer;
  }

  #passed(position: string): void {
    if (compareEntryIds(position, this.#latest) > 0) this.#latest = position;
  }

  #missing(gap: Gap): PrefetchError {
    this.#gap = gap;
    const { stream } = this.#options;
    return new PrefetchError('ERR_PREFETCH_SOURCE', `Changes are missing in \`${stream}\`. ${gap.detail}`);
  }
}
