import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import {
  type ChangeCounts,
  type DeadLetter,
  type LettersAsked,
  readCounts,
  readDeadLetters,
} from '../cache/dead-letters.js';
import type { LoadNote } from '../cache/load-note.js';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import { optionError } from '../errors.js';
import { milliseconds, positiveInteger, refuseUnknownOptions } from '../options.js';
import type { RedisClient } from '../redis/client.js';
import { timelyClient } from '../redis/timely-client.js';
import { CommandSender } from './command-sender.js';
import { nameOf } from './lease.js';
import { readCheckpoint } from './checkpoint.js';
import type { ReconcileReport } from './reconciliation.js';
import type { ReloadReport } from './reload.js';

export interface AnswerOptions {
  /**
   * How long to wait for the answer of the worker.
   * @default 60000
   */
  readonly timeoutMs?: number | undefined;
}

export interface ReloadOptions extends AnswerOptions {
  /**
   * Remove as many records as are found to be gone, and fill the memory as far as it goes.
   * @default false
   */
  readonly force?: boolean | undefined;
}

export interface ReconcileOptions extends ReloadOptions {
  /**
   * Write and remove what differs.
   * @default false
   */
  readonly repair?: boolean | undefined;
}

/** What Redis knows of a dataset and of the worker that writes it. */
export interface DatasetStatus {
  /** The name of the worker that writes; null when none does. */
  readonly writer: string | null;
  /** How long ago it was heard of; Infinity when never. */
  readonly stalenessMs: number;
  readonly load: LoadNote | null;
  /** Everything up to here has been applied. */
  readonly position: string | null;
  /** A reload runs, or was not finished. */
  readonly isReloading: boolean;
  readonly changes: ChangeCounts;
}

export interface DeadLetters<T extends Entity> {
  /** The oldest first. */
  list(asked?: LettersAsked): Promise<DeadLetter[]>;
  /**
   * Applies the change of a letter, or the one that it should have been. A newer change of the same record wins.
   *
   * @throws PrefetchError `ERR_PREFETCH_REFUSED` with the reason when it is not applied
   */
  replay(id: string, options?: AnswerOptions & { readonly change?: Change<T> | undefined }): Promise<void>;
  /** Forgets letters for good, and says how many there were. */
  discard(ids: readonly string[], options?: AnswerOptions): Promise<number>;
}

/**
 * Looks at a dataset, and asks things of the worker that writes it, from any process.
 *
 * @example
 * const operator = new SyncOperator({ cache: categories });
 * for (const letter of await operator.deadLetters.list()) console.log(letter.reason, letter.shown);
 * await operator.reload({ force: true });
 */
export class SyncOperator<T extends Entity> {
  /** The changes that could not be applied. */
  readonly deadLetters: DeadLetters<T>;
  readonly #cache: PrefetchCache<T>;
  readonly #sender: CommandSender;
  readonly #timely: RedisClient;

  constructor(options: { readonly cache: PrefetchCache<T> }) {
    refuseUnknownOptions('SyncOperator', options, ['cache']);
    const { cache } = options;
    if (typeof (cache as Partial<PrefetchCache<T>> | undefined)?.repositoryOn !== 'function') {
      throw optionError('cache', 'a PrefetchCache', cache);
    }
    this.#cache = cache;
    this.#timely = timelyClient(cache.client);
    this.#sender = new CommandSender(cache.client, cache.dataset.keys);
    this.deadLetters = Object.freeze({
      list: async (asked: LettersAsked = {}) => {
        refuseUnknownOptions('list()', asked, ['after', 'limit']);
        const limit = positiveInteger('limit', asked.limit ?? 100);
        return readDeadLetters(this.#timely, cache.dataset.keys, { ...asked, limit });
      },
      replay: async (
        letter: string,
        options: AnswerOptions & { readonly change?: Change<T> | undefined } = {},
      ) => {
        refuseUnknownOptions('replay()', options, ['change', 'timeoutMs']);
        const { change, timeoutMs } = options;
        const args = change === undefined ? { letter } : { letter, change };
        await this.#sender.ask('replay', args, timeoutOf(timeoutMs));
      },
      discard: async (letters: readonly string[], options: AnswerOptions = {}) => {
        refuseUnknownOptions('discard()', options, ['timeoutMs']);
        return (await this.#sender.ask('discard', { letters }, timeoutOf(options.timeoutMs))) as number;
      },
    });
  }

  /** Loads everything again while readers keep reading. Asked while a reload runs, it is that reload. */
  async reload(options: ReloadOptions = {}): Promise<ReloadReport> {
    refuseUnknownOptions('reload()', options, ['force', 'timeoutMs']);
    const { timeoutMs, ...args } = options;
    return (await this.#sender.ask('reload', args, timeoutOf(timeoutMs))) as ReloadReport;
  }

  /** Compares every record with the primary, and repairs what differs if told to. */
  async reconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    refuseUnknownOptions('reconcile()', options, ['repair', 'force', 'timeoutMs']);
    const { timeoutMs, ...args } = options;
    return (await this.#sender.ask('reconcile', args, timeoutOf(timeoutMs))) as ReconcileReport;
  }

  async status(): Promise<DatasetStatus> {
    const { dataset } = this.#cache;
    const { access, loads } = this.#cache.repositoryOn(this.#timely);
    const [holder, stalenessMs, load, checkpoint, changes] = await Promise.all([
      access.ask(['GET', dataset.keys.lease]) as Promise<string | null>,
      this.#cache.staleness(),
      loads.note(),
      readCheckpoint(access),
      readCounts(this.#timely, dataset.keys),
    ]);
    return {
      writer: holder === null ? null : nameOf(holder),
      stalenessMs,
      load,
      position: checkpoint.position,
      isReloading: checkpoint.reloadUnfinished,
      changes,
    };
  }
}

function timeoutOf(given: number | undefined): number {
  return milliseconds('timeoutMs', given ?? 60_000);
}
