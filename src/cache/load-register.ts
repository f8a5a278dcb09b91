import { randomUUID } from 'node:crypto';
import type { Entity } from 'redis-om';
import { PrefetchError } from '../errors.js';
import type { RedisCommand } from '../redis/client.js';
import type { Chain } from '../redis/fence.js';
import { Transaction } from '../redis/transaction.js';
import type { DatasetAccess } from './dataset-access.js';
import { type LoadNote, expiryOf, parseNote, writeNote } from './load-note.js';

/** What tells a load that the dataset is still the one that it began to load. */
export interface LoadMark {
  readonly key: string;
  readonly token: string;
}

interface FinishedLoad {
  readonly records: number;
  readonly from: string;
  /** When it began, by the clock of the server. */
  readonly begunAt: number;
}

/** What Redis knows of the loads of a dataset: that one runs, and that one is complete. */
export class LoadRegister<T extends Entity> {
  readonly #access: DatasetAccess<T>;

  constructor(access: DatasetAccess<T>) {
    this.#access = access;
  }

  /** Marks that a load began. Whoever clears or flushes the dataset meanwhile takes the mark away. */
  async mark(key: string, lifetimeSeconds?: number): Promise<LoadMark> {
    const token = randomUUID();
    const expiry = lifetimeSeconds === undefined ? [] : ['EX', String(lifetimeSeconds)];
    await this.#access.writeBeside(['SET', key, token, ...expiry]);
    return { key, token };
  }

  /**
   * Says that the dataset is loaded, for as long as the records of this load live.
   *
   * @throws PrefetchError `ERR_PREFETCH_LOAD_INTERRUPTED` when the mark is gone, and then does not say so
   */
  async conclude(mark: LoadMark, load: FinishedLoad, also: readonly RedisCommand[] = []): Promise<void> {
    const { client, dataset, writer } = this.#access;
    const expiry = expiryOf(dataset.ttlSeconds, load.begunAt, await this.#access.now());
    const { records, from } = load;
    const note = {
      id: mark.token,
      loadedAt: new Date().toISOString(),
      records,
      from,
      layout: await this.#access.layout(),
    };
    const condition = { key: mark.key, holds: mark.token, otherwise: () => interrupted(dataset.name) };
    const transaction = new Transaction(mark.key, { conditions: [condition], fence: writer.fence });
    for (const command of [...also, writeNote(dataset.keys, note, expiry), ['DEL', mark.key] as const]) {
      transaction.add(...command);
    }
    try {
      await writer.patiently(() => transaction.send(client));
    } catch (error) {
      const isInterrupted = error instanceof PrefetchError && error.code === 'ERR_PREFETCH_LOAD_INTERRUPTED';
      // It may be done already, and only the answer was lost.
      if (!isInterrupted || (await this.note())?.id !== mark.token) throw error;
    }
  }

  /** Lets the note, and the journal, live as long as records that were renewed since then. False: there is no note. */
  async renew(begunAt: number, sweep?: Chain): Promise<boolean> {
    const { keys, ttlSeconds } = this.#access.dataset;
    const expiry = expiryOf(ttlSeconds, begunAt, await this.#access.now());
    const renewed = await this.#access.writeInChain(
      sweep,
      ['EXPIRE', keys.journal, String(ttlSeconds)],
      ['PEXPIREAT', keys.loadNote, String(expiry)],
    );
    return renewed === 1 || (await this.note()) !== null;
  }

  /** From here on nobody takes an absent record for a miss. */
  async forget(): Promise<void> {
    for (const command of this.forgetting) await this.#access.ask(command);
  }

  /** The same, for a transaction. */
  get forgetting(): readonly RedisCommand[] {
    const { loadNote, reloadMark, bulkLoadMark } = this.#access.dataset.keys;
    return [reloadMark, bulkLoadMark, loadNote].map((key) => ['DEL', key] as const);
  }

  /** Changes have come as far as the rows of a load that failed: it is history. */
  async unmark(): Promise<void> {
    await this.#access.writeBeside(['DEL', this.#access.dataset.keys.reloadMark]);
  }

  async note(): Promise<LoadNote | null> {
    return parseNote((await this.#access.ask(['GET', this.#access.dataset.keys.loadNote])) as string | null);
  }
}

function interrupted(dataset: string): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_LOAD_INTERRUPTED',
    `${dataset} was cleared, flushed or loaded by somebody else while it was loaded, so records may be missing. Load it again.`,
  );
}
