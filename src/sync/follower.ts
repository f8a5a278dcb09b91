import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import type { PreparedChanges } from '../cache/prepared-changes.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { writeCheckpoint } from './checkpoint.js';
import type { DeadLetterKeeper } from './dead-letter-keeper.js';
import type { ChangeBatch, SourceSession } from './source.js';

export interface FollowContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly signal: AbortSignal;
  readonly maxBatch: number;
  /** Where changes go that can never be applied. */
  readonly letters: DeadLetterKeeper<T>;
  /** Resolves when so many more can be kept. */
  readonly roomForLetters: (letters: number) => Promise<void>;
  /** Runs a write when no other is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  /** Resolves when no reload is about to write records that a change may have to be merged into. */
  readonly recordsAreWhole: () => Promise<void>;
  /** All changes of the batch, or those that running reloads do not make needless. */
  readonly admitted: (batch: ChangeBatch<T>, refused: ReadonlySet<unknown>) => readonly Change<T>[];
  /** The position up to which everything is in, if anything is. */
  readonly applied: () => string | null;
  /** Called when everything up to the position is in. */
  readonly reached: (position: string) => void;
}

/** Applies the changes of a source in order, each batch together with its checkpoint. */
export class Follower<T extends Entity> {
  readonly #context: FollowContext<T>;
  #after: string | undefined;
  /** A part of something large was applied, of which nobody knows yet where it ends. */
  #isInPart = false;

  constructor(context: FollowContext<T>) {
    this.#context = context;
  }

  /** Ends when the signal aborts. */
  async follow(after: string): Promise<void> {
    const { session, signal, maxBatch } = this.#context;
    this.#after = after;
    const batches = session.changes(after, { signal, maxBatch });
    await new Promise<void>((resolve, reject) => {
      this.#applyAll(batches, reject).then(resolve, reject);
    });
    if (!signal.aborted) throw new Error('The source ended its changes.');
  }

  /** @param onFailure hears at once when a batch fails: another, with which it would be noticed, may never come */
  async #applyAll(
    batches: AsyncIterable<ChangeBatch<T>>,
    onFailure: (error: unknown) => void,
  ): Promise<void> {
    let writing: Promise<void> = Promise.resolve();
    for await (const received of batches) {
      const batch = withObjectsOnly(received);
      const early = this.#preparedEarly(batch);
      await writing;
      writing = this.#apply(batch, early); // awaited with the next batch, which is prepared meanwhile
      writing.catch(onFailure);
    }
    await writing;
  }

  async #apply(batch: ChangeBatch<T>, early: Promise<PreparedChanges<T>> | undefined): Promise<void> {
    const { session, write, roomForLetters } = this.#context;
    if (hasPartial(batch)) await this.#context.recordsAreWhole();
    let homeless = (await early)?.refusals.length ?? 0;
    do {
      await roomForLetters(homeless); // not in its turn: what makes room must get its turn, too
      homeless = await write(() => this.#writeBatch(batch, early));
    } while (homeless > 0);
    if (batch.complete) await session.acknowledge(batch.position);
  }

  /** Returns for how many dead letters there was no room; then nothing was written. */
  async #writeBatch(batch: ChangeBatch<T>, early: Promise<PreparedChanges<T>> | undefined): Promise<number> {
    const { repository, letters, reached } = this.#context;
    const all = await (early ?? repository.prepare(batch.changes, 'change'));
    const refused = new Set(all.refusals.map(({ subject }) => subject));
    const admitted = this.#context.admitted(batch, refused);
    const isNews = this.#isNews(batch);
    const changes = this.#isRepetition(batch, isNews) ? [] : admitted;
    const prepared = changes === batch.changes ? all : await repository.prepare(changes, 'change');
    if (!letters.hasRoomFor(prepared.refusals.length)) return prepared.refusals.length;
    await repository.commit(prepared, {
      cause: 'change',
      position: batch.position,
      also: (refusals) => [
        ...letters.concluding(batch, changes, refusals),
        ...(isNews ? [writeCheckpoint(repository.dataset.keys, batch.position)] : []),
      ],
    });
    letters.concluded();
    if (isNews) reached(batch.position);
    return 0;
  }

  /** After a reload, a feed that lags behind its snapshot must not take the checkpoint back. */
  #isNews({ position, complete }: ChangeBatch<T>): boolean {
    const applied = this.#context.applied() ?? this.#after;
    return complete && (applied === undefined || this.#context.session.compare(position, applied) > 0);
  }

  /**
   * What is in already and comes once more would show older states until all of it has come. What began with a part is
   * left to come to its end.
   */
  #isRepetition({ complete }: ChangeBatch<T>, isNews: boolean): boolean {
    if (!complete || isNews) this.#isInPart = !complete;
    return complete && !isNews && !this.#isInPart;
  }

  /** Mapping takes as long as writing, so it is done while the batch before is written, where it may be. */
  #preparedEarly(batch: ChangeBatch<T>): Promise<PreparedChanges<T>> | undefined {
    if (hasPartial(batch)) return undefined;
    const prepared = this.#context.repository.prepare(batch.changes, 'change');
    prepared.catch(() => undefined); // whoever awaits it hears of it; nobody may
    return prepared;
  }
}

/** What is not even an object becomes a change that cannot be applied, so that nobody else need expect it. */
function withObjectsOnly<R>(batch: ChangeBatch<R>): ChangeBatch<R> {
  if (batch.changes.every(isObject)) return batch;
  const changes = batch.changes.map((change): Change<R> =>
    isObject(change)
      ? change
      : { op: 'invalid', raw: change, reason: 'the source gave something that is no change' },
  );
  return { ...batch, changes };
}

function isObject(change: unknown): boolean {
  return typeof change === 'object' && change !== null;
}

/** Only some fields came, to be merged into what is there. */
function hasPartial({ changes }: ChangeBatch<unknown>): boolean {
  return changes.some((change) => change.op === 'upsert' && change.partial);
}
