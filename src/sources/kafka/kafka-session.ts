import { anySignal } from '../../any-signal.js';
import { settlesWithin } from '../../settling.js';
import type {
  ChangeBatch,
  ChangesOptions,
  InvalidRow,
  Snapshot,
  SourceLag,
  SourceSession,
} from '../../sync/source.js';
import { Barriers } from './barriers.js';
import { Follower } from './follower.js';
import { sourceError } from './kafka-error.js';
import type { LoadsNeeded } from './loads-needed.js';
import type { ResolvedOptions } from './options.js';
import { type Position, comparePositions, formatPosition, parsePosition, positionIn } from './position.js';
import { ReaderPool } from './reader-pool.js';
import { recordsFrom } from './records-snapshot.js';
import { whyNotAfter } from './topic-check.js';
import { topicRecords } from './topic-snapshot.js';
import { beginningOf, endOf } from './topic-watch.js';

const closeWithinMs = 5_000;

type Resumed = Awaited<ReturnType<SourceSession<object>['resume']>>;

export class KafkaSession<R extends object> implements SourceSession<R> {
  readonly #options: ResolvedOptions<R>;
  readonly #readers: ReaderPool;
  readonly #barriers = new Barriers();
  readonly #loadsNeeded: LoadsNeeded;
  readonly #opener: AbortSignal;
  readonly #closing = new AbortController();
  readonly #end = () => {
    this.#closing.abort(this.#opener.reason);
  };
  /** What is being tried again, or has not been answered for long. */
  #troubles = 0;
  #closed: Promise<void> | undefined;

  constructor(options: ResolvedOptions<R>, loadsNeeded: LoadsNeeded, signal: AbortSignal) {
    this.#options = options;
    this.#loadsNeeded = loadsNeeded;
    const { client, topic, reconnectWithinMs, onWarning } = options;
    const onTrouble = (message: string) => {
      this.#troubles++;
      onWarning({ code: 'reconnecting', message });
    };
    const onCalm = () => this.#troubles--;
    this.#readers = new ReaderPool(client, topic, { withinMs: reconnectWithinMs, onTrouble, onCalm });
    this.#opener = signal;
    signal.addEventListener('abort', this.#end);
    if (signal.aborted) this.#end();
  }

  get isConnected(): boolean {
    return this.#troubles === 0;
  }

  async resume(checkpoint: string | null): Promise<Resumed> {
    if (checkpoint === null) return { reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' };
    const position = parsePosition(checkpoint);
    if (position?.topic !== this.#options.topic) {
      const detail = `The checkpoint ${checkpoint.slice(0, 100)} is no position in the topic ${this.#options.topic}.`;
      return { reload: 'unknown-position', detail };
    }
    const finding = await this.#readers.any.finding(this.#closing.signal, (state) =>
      whyNotAfter(position, state),
    );
    if (finding?.reload === 'source-changed') this.#loadsNeeded.clear();
    if (finding) return finding;
    const why = this.#loadsNeeded.after(position.offsets);
    if (why !== undefined) return { reload: 'source-changed', detail: why };
    const ageMs = Date.now() - position.asOfMs;
    if (ageMs > this.#options.deleteRetentionMs) {
      const detail = `The checkpoint is ${Math.round(ageMs / 60_000)} minutes old: tombstones that came since may be gone.`;
      return { reload: 'lost-changes', detail };
    }
    return { from: checkpoint };
  }

  async snapshot(signal: AbortSignal, onInvalid?: (row: InvalidRow) => void): Promise<Snapshot<R>> {
    const { snapshot } = this.#options;
    const ending = new AbortController();
    const either = anySignal(signal, this.#closing.signal, ending.signal);
    try {
      const { position, from } = await this.#here(either.signal);
      const isTopic = snapshot === 'topic';
      const { pages, total } = isTopic
        ? { pages: this.#topicPages(from, position, either.signal, onInvalid), total: undefined }
        : await recordsFrom(snapshot, either.signal);
      return {
        position: formatPosition(position),
        exact: isTopic,
        records: pages,
        total,
        close: async () => {
          ending.abort();
          await pages.return().catch(() => undefined);
          either.release();
        },
      };
    } catch (error) {
      either.release();
      throw error;
    }
  }

  async *changes(after: string, options: ChangesOptions): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const position = parsePosition(after);
    if (position?.topic !== this.#options.topic) {
      throw sourceError(`${after.slice(0, 100)} is no position in the topic ${this.#options.topic}.`);
    }
    const { signal, release } = anySignal(options.signal, this.#closing.signal);
    const isOver = () => signal.aborted;
    if (isOver()) {
      release();
      return;
    }
    const reader = this.#readers.take();
    try {
      const parts = { reader, barriers: this.#barriers, loadsNeeded: this.#loadsNeeded };
      const follower = new Follower<R>(parts, this.#options, position);
      yield* follower.batches({ ...options, signal });
    } catch (error) {
      if (!isOver()) throw error;
    } finally {
      release();
      this.#readers.giveBack(reader);
    }
  }

  acknowledge(position: string): Promise<void> {
    const offsets = parsePosition(position)?.offsets;
    if (offsets) this.#barriers.forget(offsets);
    return Promise.resolve();
  }

  compare(a: string, b: string): number {
    return comparePositions(a, b);
  }

  async end(): Promise<string> {
    return formatPosition((await this.#here(this.#closing.signal)).position);
  }

  async lag(position: string): Promise<SourceLag> {
    const { partitions } = await this.#readers.any.topic(this.#closing.signal);
    const offsets = parsePosition(position)?.offsets;
    let events = 0n;
    for (const { partition, low, high } of partitions) {
      const offset = offsets?.get(partition) ?? low;
      if (offset < high) events += high - offset;
    }
    return { events: Number(events), ...(events === 0n && { ms: 0 }) };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#opener.removeEventListener('abort', this.#end);
    this.#closing.abort();
    await settlesWithin(this.#readers.close(), closeWithinMs);
  }

  /** Where the topic ends now. Whoever follows it comes to exactly there. */
  async #here(signal: AbortSignal): Promise<{ position: Position; from: ReadonlyMap<number, bigint> }> {
    const asOfMs = Date.now();
    const state = await this.#readers.any.topic(signal);
    const offsets = this.#barriers.set(endOf(state));
    return { position: positionIn(this.#options.topic, state, offsets, asOfMs), from: beginningOf(state) };
  }

  async *#topicPages(
    from: ReadonlyMap<number, bigint>,
    { offsets }: Position,
    signal: AbortSignal,
    onInvalid: ((row: InvalidRow) => void) | undefined,
  ): AsyncGenerator<readonly R[], void, undefined> {
    const reader = this.#readers.take();
    try {
      yield* topicRecords<R>(reader, { from, until: offsets }, this.#options, signal, onInvalid);
    } finally {
      this.#readers.giveBack(reader);
    }
  }
}
