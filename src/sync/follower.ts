import { inspect } from 'node:util';
import type { Entity } from 'redis-om';
import type { Change, Refusal } from '../cache/change.js';
import type { PreparedChanges } from '../cache/prepared-changes.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError } from '../errors.js';
import type { RedisCommand } from '../redis/client.js';
import { writeCheckpoint } from './checkpoint.js';
import type { ChangeBatch, SourceSession } from './source.js';

export interface FollowContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly signal: AbortSignal;
  readonly maxBatch: number;
  /** Runs a write when no other is running, and again if it fails for a reason that passes. */
  readonly write: (work: () => Promise<void>) => Promise<void>;
  /** Resolves when no reload is about to write records that a change may have to be merged into. */
  readonly recordsAreWhole: () => Promise<void>;
  /** All changes of the batch, or those that running reloads do not make needless. */
  readonly admitted: (batch: ChangeBatch<T>) => readonly Change<T>[];
  /** The position up to which everything is in, if anything is. */
  readonly applied: () => string | null;
  /** Called when everything up to the position is in. */
  readonly reached: (position: string) => void;
}

/** Applies the changes of a source in order, each batch together with its checkpoint. */
export class Follower<T extends Entity> {
  readonly #context: FollowContext<T>;

  constructor(context: FollowContext<T>) {
    this.#context = context;
  }

  /** Ends when the signal aborts. */
  async follow(after: string): Promise<void> {
    const { session, signal, maxBatch } = this.#context;
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
    for await (const batch of batches) {
      const early = this.#preparedEarly(batch);
      await writing;
      writing = this.#apply(batch, early); // awaited with the next batch, which is prepared meanwhile
      writing.catch(onFailure);
    }
    await writing;
  }

  async #apply(batch: ChangeBatch<T>, early: Promise<PreparedChanges<T>> | undefined): Promise<void> {
    const { repository, session, write, reached } = this.#context;
    let ready = early;
    if (hasPartial(batch)) await this.#context.recordsAreWhole();
    await write(async () => {
      const changes = this.#context.admitted(batch);
      const prepared = changes === batch.changes ? ready : undefined;
      ready = undefined;
      await repository.commit((await prepared) ?? (await repository.prepare(changes)), {
        position: batch.position,
        also: (refusals) => this.#concluding(batch, refusals),
      });
      if (this.#isNews(batch)) reached(batch.position);
    });
    if (batch.complete) await session.acknowledge(batch.position);
  }

  /** Until refused changes have a place to go, they stop the worker before its checkpoint moves past them. */
  #concluding(batch: ChangeBatch<T>, refusals: readonly Refusal<unknown>[]): readonly RedisCommand[] {
    const { repository, applied } = this.#context;
    const [refusal] = refusals;
    if (refusal) {
      throw new PrefetchError(
        'ERR_PREFETCH_REFUSED',
        `A change after position ${applied() ?? 'none'} cannot be applied: ${refusal.reason}. Correct the record in the primary, then start({ reload: true }), which loads it as it is now. The change: ${described(refusal.subject)}`,
      );
    }
    return this.#isNews(batch) ? [writeCheckpoint(repository.dataset.keys, batch.position)] : [];
  }

  /** After a reload, a feed that lags behind its snapshot must not take the checkpoint back. */
  #isNews({ position, complete }: ChangeBatch<T>): boolean {
    const applied = this.#context.applied();
    return complete && (applied === null || this.#context.session.compare(position, applied) > 0);
  }

  /** Mapping takes as long as writing, so it is done while the batch before is written, where it may be. */
  #preparedEarly(batch: ChangeBatch<T>): Promise<PreparedChanges<T>> | undefined {
    if (hasPartial(batch)) return undefined;
    const prepared = this.#context.repository.prepare(batch.changes);
    prepared.catch(() => undefined); // whoever awaits it hears of it; nobody may
    return prepared;
  }
}

/** Only some fields came, to be merged into what is there. */
function hasPartial({ changes }: ChangeBatch<unknown>): boolean {
  return changes.some((change) => change.op === 'upsert' && change.partial);
}

function described(change: unknown): string {
  return inspect(change, { depth: 4, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 20 });
}
