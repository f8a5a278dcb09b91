import { randomUUID } from 'node:crypto';
import type { Entity } from 'redis-om';
import { PrefetchError } from '../errors.js';
import { hasListeners, publish } from '../events.js';
import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import { type DocumentStorage, documentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import { scanIds } from '../redis/scan.js';
import { serverTime } from '../redis/server-time.js';
import { Transaction } from '../redis/transaction.js';
import type { ApplyReport, Change, Refusal } from './change.js';
import type { Dataset } from './dataset.js';
import { type LoadNote, readNote, expiryOf, writeNote } from './load-note.js';
import type { LoadReport } from './load-report.js';
import type { LookupStats } from './lookup-stats.js';
import type { ApplyContext, PreparedChanges } from './prepared-changes.js';
import { RecordReader } from './record-reader.js';
import { RecordTransaction } from './record-transaction.js';

type PartialUpsert<T> = Extract<Change<T>, { partial: true }>;

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

/** The write half of a dataset: all that changes records in Redis, through Redis OM. */
export class SyncRepository<T extends Entity> {
  readonly dataset: Dataset<T>;
  readonly #client: RedisClient;
  readonly #stats: LookupStats;
  readonly #fixedStorage: DocumentStorage | undefined;

  constructor(
    client: RedisClient,
    dataset: Dataset<T>,
    stats: LookupStats,
    storage: DocumentStorage | undefined,
  ) {
    this.dataset = dataset;
    this.#client = client;
    this.#stats = stats;
    this.#fixedStorage = storage;
  }

  async begin(): Promise<RecordTransaction<T>> {
    return new RecordTransaction(this.#client, this.dataset, await this.#storage());
  }

  /** Applies the changes in order; what a change must not do is refused with its reason, and the rest goes on. */
  async apply(changes: readonly Change<T>[], context: ApplyContext = {}): Promise<ApplyReport<T>> {
    return this.commit(await this.prepare(changes), context);
  }

  /**
   * Does all of apply() that needs no writing. Changes that bring only some fields are merged into what is cached
   * now, so changes before them must have been committed.
   */
  async prepare(changes: readonly Change<T>[]): Promise<PreparedChanges<T>> {
    const refusals: Refusal<Change<T>>[] = [];
    const bases = await this.#basesOfPartialUpserts(changes);
    let transaction = await this.begin();
    const steps: (RecordTransaction<T> | 'remove-all')[] = [transaction];
    const nextTransaction = async () => steps.push((transaction = await this.begin()));
    for (const change of changes) {
      if (change.op === 'truncate') {
        steps.push('remove-all');
        bases.clear();
        await nextTransaction();
        continue;
      }
      const reason = await this.#record(transaction, change, bases);
      if (reason) refusals.push({ subject: change, reason });
      if (transaction.isFull) await nextTransaction();
    }
    return { changes, refusals, steps };
  }

  /** Sends what was prepared. To be called once. */
  async commit(prepared: PreparedChanges<T>, context: ApplyContext = {}): Promise<ApplyReport<T>> {
    const { changes, refusals, steps } = prepared;
    const last = steps.at(-1);
    const also = context.also?.(refusals) ?? [];
    if (last !== 'remove-all') last?.also(...also);
    for (const step of steps) {
      if (step === 'remove-all') await this.removeAll();
      else await step.commit();
    }
    this.#tell(changes, refusals, context.position ?? null);
    return { applied: changes.length - refusals.length, refusals };
  }

  idPages(): AsyncIterable<readonly string[]> {
    return scanIds(this.#client, this.dataset.keys);
  }

  /** Removes every record and returns how many there were. */
  async removeAll(): Promise<number> {
    let removed = 0;
    for await (const ids of scanIds(this.#client, this.dataset.keys)) removed += await this.remove(ids);
    return removed;
  }

  async remove(ids: readonly string[]): Promise<number> {
    const keys = ids.map((id) => this.dataset.keys.record(id));
    return (await this.#send(['UNLINK', ...keys])) as number;
  }

  /** Marks that a load began. Whoever clears or flushes the dataset meanwhile takes the mark away. */
  async markLoad(key: string, lifetimeSeconds?: number): Promise<LoadMark> {
    const token = randomUUID();
    const expiry = lifetimeSeconds === undefined ? [] : ['EX', String(lifetimeSeconds)];
    await this.#send(['SET', key, token, ...expiry]);
    return { key, token };
  }

  /**
   * Says that the dataset is loaded, for as long as the records of this load live.
   *
   * @throws PrefetchError `ERR_PREFETCH_LOAD_INTERRUPTED` when the mark is gone, and then does not say so
   */
  async concludeLoad(mark: LoadMark, load: FinishedLoad, also: readonly RedisCommand[] = []): Promise<void> {
    const { keys, ttlSeconds } = this.dataset;
    const expiry = expiryOf(ttlSeconds, load.begunAt, await this.now());
    const { records, from } = load;
    const note = {
      id: mark.token,
      loadedAt: new Date().toISOString(),
      records,
      from,
      layout: await this.layout(),
    };
    const transaction = new Transaction(mark.key, mark.token);
    for (const command of [...also, writeNote(keys, note, expiry), ['DEL', mark.key] as const]) {
      transaction.add(...command);
    }
    if (await transaction.send(this.#client)) return;
    if ((await this.loadNote())?.id === mark.token) return; // done already, only the answer was lost
    throw new PrefetchError(
      'ERR_PREFETCH_LOAD_INTERRUPTED',
      `${this.dataset.name} was cleared, flushed or loaded by somebody else while it was loaded, so records may be missing. Load it again.`,
    );
  }

  /** Gives every record its whole TTL again, page by page; says after each page how many it held. */
  async *renewAll(): AsyncGenerator<number, void, undefined> {
    const { keys, ttlSeconds } = this.dataset;
    for await (const ids of scanIds(this.#client, keys)) {
      const transaction = await this.begin();
      transaction.also(...ids.map((id) => ['EXPIRE', keys.record(id), String(ttlSeconds)] as const));
      await transaction.commit();
      yield ids.length;
    }
  }

  /** Lets the load note live as long as records that were renewed since then. False: there is none. */
  async renewLoadNote(begunAt: number): Promise<boolean> {
    const { keys, ttlSeconds } = this.dataset;
    const expiry = expiryOf(ttlSeconds, begunAt, await this.now());
    return (await this.#send(['PEXPIREAT', keys.loadNote, String(expiry)])) === 1;
  }

  /** The clock of the server, by which `begunAt` is told. */
  async now(): Promise<number> {
    try {
      return await serverTime(this.#client);
    } catch (error) {
      throw toPrefetchError(error);
    }
  }

  tellKeptAlive(records: number, elapsedMs: number): void {
    publish({ type: 'kept-alive', dataset: this.dataset.name, records, elapsedMs });
  }

  /** Counts a finished load, and tells of it. */
  tellLoaded(report: LoadReport, removed: number): void {
    this.#stats.countPrefetched(report.loaded);
    publish({ type: 'loaded', dataset: this.dataset.name, ...report, removed });
  }

  /** From here on nobody takes an absent record for a miss. */
  async forgetLoad(): Promise<void> {
    const { loadNote, reloadMark, bulkLoadMark } = this.dataset.keys;
    await this.#send(['DEL', loadNote, reloadMark, bulkLoadMark]);
  }

  async loadNote(): Promise<LoadNote | null> {
    try {
      return await readNote(this.#client, this.dataset.keys);
    } catch (error) {
      throw toPrefetchError(error);
    }
  }

  /** How records are stored, as far as it matters to who reads them. */
  async layout(): Promise<string> {
    const { dataStructure, fields } = this.dataset.schema;
    const form = dataStructure === 'HASH' ? 'hash' : `json ${await this.#storage()}`;
    return `${form}; ${fields.map((field) => `${field.name} ${field.type}`).join(', ')}`;
  }

  async #record(
    transaction: RecordTransaction<T>,
    change: Exclude<Change<T>, { op: 'truncate' }>,
    bases: Map<string, T | undefined>,
  ): Promise<string | undefined> {
    switch (change.op) {
      case 'upsert': {
        if (hasNoFields(change.record)) return 'the upsert has no fields';
        const record = change.partial ? merge(bases.get(change.id), change) : change.record;
        if (record === undefined) return 'only some fields came, and no record is cached to merge them into';
        const reason = await transaction.save(change.id, record);
        if (!reason) bases.set(change.id, record);
        return reason;
      }
      case 'delete':
        if (!this.dataset.keys.isId(change.id)) return 'the id is not allowed';
        await transaction.remove(change.id);
        bases.delete(change.id);
        return undefined;
      case 'invalid':
        return change.reason;
      default:
        return `the operation ${String((change as { op?: unknown }).op)} is unknown`;
    }
  }

  async #basesOfPartialUpserts(changes: readonly Change<T>[]): Promise<Map<string, T | undefined>> {
    const isPartial = (change: Change<T>): change is PartialUpsert<T> =>
      change.op === 'upsert' && change.partial === true;
    const ids = [...new Set(changes.filter(isPartial).map(({ id }) => id))];
    if (ids.length === 0) return new Map();
    const reader = new RecordReader(this.#client, this.dataset, await this.#storage());
    return new Map(await Promise.all(ids.map(async (id) => [id, await this.#base(reader, id)] as const)));
  }

  async #base(reader: RecordReader<T>, id: string): Promise<T | undefined> {
    try {
      return await reader.read(id);
    } catch (error) {
      const failure = toPrefetchError(error);
      const isUnusable =
        failure.code === 'ERR_PREFETCH_WRONG_TYPE' || failure.code === 'ERR_PREFETCH_UNREADABLE_RECORD';
      if (isUnusable) return undefined;
      throw failure;
    }
  }

  #tell(
    changes: readonly Change<T>[],
    refusals: readonly Refusal<Change<T>>[],
    position: string | null,
  ): void {
    const refused = new Set(refusals.map(({ subject }) => subject));
    const applied = refused.size === 0 ? changes : changes.filter((change) => !refused.has(change));
    const now = Date.now();
    for (const { timestampMs } of applied) this.#stats.countChange(timestampMs, now);
    if (applied.length === 0 || !hasListeners('applied')) return;
    const latest = applied.at(-1)?.timestampMs;
    publish({
      type: 'applied',
      dataset: this.dataset.name,
      changes: applied.map((change) =>
        'id' in change ? { op: change.op, id: change.id } : { op: change.op },
      ),
      lagMs: latest === undefined ? null : Math.max(0, now - latest),
      position,
    });
  }

  async #storage(): Promise<DocumentStorage> {
    if (this.dataset.schema.dataStructure === 'HASH') return 'string';
    return (
      this.#fixedStorage ??
      (await documentStorage(this.#client, this.dataset.name, this.dataset.keys.loadNote))
    );
  }

  async #send(command: readonly string[]): Promise<unknown> {
    try {
      return await send(this.#client, command);
    } catch (error) {
      throw toPrefetchError(error);
    }
  }
}

function hasNoFields(record: unknown): boolean {
  return typeof record !== 'object' || record === null || Object.keys(record).length === 0;
}

function merge<T extends Entity>(base: T | undefined, change: PartialUpsert<T>): T | undefined {
  return base && { ...base, ...change.record, id: change.id };
}

/** Says of a refused change what the caller should know. */
export function refusedError(refusal: Refusal<unknown>): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_REFUSED', `Refused, and nothing was written: ${refusal.reason}.`);
}
