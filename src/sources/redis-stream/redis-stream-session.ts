import { PrefetchError, optionError } from '../../errors.js';
import type {
  Change,
  ChangeBatch,
  ChangesOptions,
  Snapshot,
  SourceLag,
  SourceSession,
} from '../../sync/source.js';
import { type StreamEntry, decodeEntry } from './change-entry.js';
import { beforeAll, compareEntryIds, isEntryId } from './entry-id.js';
import { patiently } from './patience.js';
import type { ResolvedOptions } from './options.js';
import { pagesOf, partsOf } from './snapshot.js';
import { endOf } from './stream-end.js';
import { StreamFeed } from './stream-feed.js';
import { readLag } from './stream-lag.js';
import { type Gap, gapAfter, readState } from './stream-state.js';
import type { Trimmer } from './trimmer.js';

export class RedisStreamSession<R extends object> implements SourceSession<R> {
  readonly #options: ResolvedOptions<R>;
  readonly #trimmer: Trimmer | undefined;
  readonly #opener: AbortSignal;
  readonly #closing = new AbortController();
  readonly #end = () => {
    this.#closing.abort(this.#opener.reason);
  };
  /** Found while following. Until the next snapshot no position is one to go on from: what was read may be lost too. */
  #gap: Gap | undefined;
  /** The latest position that was seen, in whatever became of the stream. */
  #latest = beforeAll;

  /** @param trimmer of all sessions of the source; none when nothing is to be trimmed */
  constructor(options: ResolvedOptions<R>, trimmer: Trimmer | undefined, signal: AbortSignal) {
    this.#options = options;
    this.#trimmer = trimmer;
    this.#opener = signal;
    signal.addEventListener('abort', this.#end);
    if (signal.aborted) this.#end();
  }

  async resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    if (checkpoint === null) return { reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' };
    if (!isEntryId(checkpoint)) {
      return {
        reload: 'unknown-position',
        detail: `The checkpoint ${checkpoint} is not the id of an entry.`,
      };
    }
    const { client, stream } = this.#options;
    this.#passed(checkpoint);
    const state = await patiently(() => readState(client, stream, checkpoint), this.#closing.signal);
    const gap = this.#gap ?? gapAfter(checkpoint, state);
    if (gap) return gap;
    this.#trimmer?.keep(this, checkpoint);
    return { from: checkpoint };
  }

  /** Its position is read before the first record is, so every change that is not after it is in the records. */
  async snapshot(signal: AbortSignal): Promise<Snapshot<R>> {
    const { client, stream } = this.#options;
    const end = await patiently(() => endOf(client, stream, this.#latest), signal);
    this.#trimmer?.keep(this, end);
    const { records, position } = partsOf(await this.#options.snapshot({ position: end, signal }));
    if (position !== undefined) {
      if (!isEntryId(position)) throw optionError('position', 'the id of a stream entry', position);
      this.#trimmer?.keep(this, position);
      await this.#checkReachable(position, signal);
    }
    const pages = this.#untilLoaded(pagesOf(records, signal));
    return {
      position: position ?? end,
      exact: position !== undefined,
      records: pages,
      close: async () => {
        await pages.return();
      },
    };
  }

  async *changes(
    after: string,
    { signal, maxBatch }: ChangesOptions,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
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
        const { entries, gap } = await patiently(() => feed.after(position, maxBatch), ending.signal);
        if (gap) throw this.#missing(gap);
        const last = entries.at(-1);
        if (last === undefined) continue;
        position = last[0];
        this.#passed(position);
        yield { changes: changesIn<R>(entries), position, complete: true };
      }
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    } finally {
      for (const each of ends) each.removeEventListener('abort', end);
      end();
    }
  }

  async acknowledge(position: string): Promise<void> {
    await this.#trimmer?.acknowledge(this, position);
  }

  compare(a: string, b: string): number {
    return compareEntryIds(a, b);
  }

  lag(position: string): Promise<SourceLag> {
    const { client, stream } = this.#options;
    return readLag(client, stream, position);
  }

  async close(): Promise<void> {
    this.#opener.removeEventListener('abort', this.#end);
    this.#end();
    await this.#trimmer?.settled();
    this.#trimmer?.release(this);
  }

  #passed(position: string): void {
    if (compareEntryIds(position, this.#latest) > 0) this.#latest = position;
  }

  #missing(gap: Gap): PrefetchError {
    this.#gap = gap;
    const { stream } = this.#options;
    return new PrefetchError('ERR_PREFETCH_SOURCE', `Changes are missing in \`${stream}\`. ${gap.detail}`);
  }

  async *#untilLoaded<P>(pages: AsyncGenerator<P, void, undefined>): AsyncGenerator<P, void, undefined> {
    const gap = this.#gap;
    yield* pages;
    if (this.#gap === gap) this.#gap = undefined;
  }

  async #checkReachable(position: string, signal: AbortSignal): Promise<void> {
    const { client, stream } = this.#options;
    const gap = gapAfter(position, await patiently(() => readState(client, stream, position), signal));
    if (!gap) return;
    throw new PrefetchError(
      'ERR_PREFETCH_SOURCE',
      `The stream \`${stream}\` does not reach back to ${position}, where the snapshot stands. ${gap.detail}`,
    );
  }
}

function changesIn<R>(entries: readonly StreamEntry[]): Change<R>[] {
  return entries.map((entry) => decodeEntry<R>(entry)).filter((change) => change !== undefined);
}
