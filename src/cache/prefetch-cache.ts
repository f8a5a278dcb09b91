import type { Entity, Schema } from 'redis-om';
import { optionError } from '../errors.js';
import { publish } from '../events.js';
import { positiveInteger, refuseUnknownOptions } from '../options.js';
import { type RedisClient, checkClient, send } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import { scanIds } from '../redis/scan.js';
import { timelyClient } from '../redis/timely-client.js';
import { unlessAborted } from '../settling.js';
import { BulkLoad, type BulkLoadOptions } from './bulk-load.js';
import type { LoadReport } from './load-report.js';
import type { ApplyReport, Change, Refusal } from './change.js';
import { DatasetAccess } from './dataset-access.js';
import { type Dataset, createDataset } from './dataset.js';
import { type Explanation, explain } from './explanation.js';
import { type JournalPage, readJournal } from './journal.js';
import type { LoadNote } from './load-note.js';
import { type CacheStats, LookupStats } from './lookup-stats.js';
import { type Lookup, type LookupMany, type LookupOptions, Lookups } from './lookups.js';
import { SyncRepository, refusedError } from './sync-repository.js';
import { type Writer, anyWriter } from './writer.js';

export interface PrefetchCacheOptions<T extends Entity> {
  /** A node-redis client with an `error` listener. Yours to connect and to close. */
  readonly client: RedisClient;
  /** A Redis OM schema. Its name is the prefix of all keys, its `dataStructure` the layout. */
  readonly schema: Schema<T>;
  /**
   * How long records outlive the worker that keeps them.
   * @default 3600
   */
  readonly ttlSeconds?: number | undefined;
  /**
   * How long a lookup may take.
   * @default 500
   */
  readonly deadlineMs?: number | undefined;
  /**
   * What an id looks like.
   * @default 1 to 256 characters without white space, control characters, `:`, `{` and `}`
   */
  readonly idPattern?: RegExp | undefined;
  /**
   * How JSON documents are stored. `auto` asks the server.
   * @default 'auto'
   */
  readonly documents?: 'auto' | DocumentStorage | undefined;
}

const optionNames = ['client', 'schema', 'ttlSeconds', 'deadlineMs', 'idPattern', 'documents'];

/**
 * One dataset in Redis. Lookups ask Redis only, never the primary.
 *
 * @example
 * const categories = new PrefetchCache({ client, schema });
 * const lookup = await categories.get('cat-001');
 * if (lookup.outcome === 'hit') console.log(lookup.record.name);
 */
export class PrefetchCache<T extends Entity> {
  /** What both sides of the dataset agree on. */
  readonly dataset: Dataset<T>;
  readonly #client: RedisClient;
  readonly #timely: RedisClient;
  readonly #storage: DocumentStorage | undefined;
  readonly #stats = new LookupStats();
  readonly #lookups: Lookups<T>;
  readonly #repository: SyncRepository<T>;

  constructor(options: PrefetchCacheOptions<T>) {
    refuseUnknownOptions('PrefetchCache', options, optionNames);
    const { client, schema, ttlSeconds = 3600, deadlineMs = 500, idPattern, documents = 'auto' } = options;
    checkClient(client);
    if (!['auto', 'native', 'string'].includes(documents)) {
      throw optionError('documents', "'auto', 'native' or 'string'", documents);
    }
    this.dataset = createDataset(schema, ttlSeconds, idPattern);
    this.#client = client;
    this.#timely = timelyClient(client);
    this.#storage = documents === 'auto' ? undefined : documents;
    this.#lookups = new Lookups(client, this.dataset, this.#stats, { deadlineMs, storage: this.#storage });
    this.#repository = this.repositoryOn(client);
  }

  /** The schema's name, for example `cache:category`. */
  get name(): string {
    return this.dataset.name;
  }

  get layout(): 'JSON' | 'HASH' {
    return this.dataset.schema.dataStructure;
  }

  get ttlSeconds(): number {
    return this.dataset.ttlSeconds;
  }

  /**
   * Looks one record up.
   *
   * @throws PrefetchError only for a record that cannot be read, which is an incident; all else is an outcome
   */
  get(id: string, options?: LookupOptions): Promise<Lookup<T>> {
    return this.#lookups.get(id, options);
  }

  /** Looks many records up in one round trip. Records come in the order of the ids, each once. */
  getMany(ids: readonly string[], options?: LookupOptions): Promise<LookupMany<T>> {
    return this.#lookups.getMany(ids, options);
  }

  /**
   * How many milliseconds ago the worker was last heard of, by the clock of the server; Infinity when it never was.
   *
   * @throws PrefetchError when Redis does not tell in time
   */
  staleness(): Promise<number> {
    return this.#lookups.staleness();
  }

  /**
   * Loads the whole dataset: streams the records in, then says that it is loaded. Records that were there before are
   * overwritten, none is removed.
   *
   * @throws PrefetchError when Redis fails; what was written until then stays and is complete record by record
   */
  async bulkLoad(
    records: Iterable<T> | AsyncIterable<T>,
    options: BulkLoadOptions = {},
  ): Promise<LoadReport> {
    refuseUnknownOptions('bulkLoad()', options, ['onProgress', 'signal']);
    this.#assertOpen();
    const { signal } = options;
    signal?.throwIfAborted();
    const load = this.#load(records, options);
    return signal ? unlessAborted(load, signal) : load;
  }

  /** @throws PrefetchError `ERR_PREFETCH_REFUSED` with the reason, when the change cannot be applied */
  async applyChange(change: Change<T>): Promise<void> {
    const { refusals } = await this.applyChanges([change]);
    const [refusal] = refusals;
    if (refusal) throw refusedError(refusal);
  }

  /** Applies changes in order. Those that cannot be applied are in the report; the others are applied. */
  async applyChanges(changes: readonly Change<T>[]): Promise<ApplyReport<T>> {
    this.#assertOpen();
    let applied = 0;
    const refusals: Refusal<Change<T>>[] = [];
    for (let i = 0; i < changes.length; i += changesPerTransaction) {
      const report = await this.#repository.apply(changes.slice(i, i + changesPerTransaction));
      applied += report.applied;
      refusals.push(...report.refusals);
    }
    return { applied, refusals };
  }

  /** Removes one record and says whether it was there. Until the primary sends it again, it is a miss. */
  async invalidate(id: string): Promise<boolean> {
    this.#assertOpen();
    if (!this.dataset.keys.isId(id)) return false;
    const removed = await this.#repository.remove([id], 'invalidate');
    publish({ type: 'invalidated', dataset: this.name, id });
    return removed === 1;
  }

  /** Removes all records and returns how many there were. The dataset is not loaded any more. */
  async clear(): Promise<number> {
    this.#assertOpen();
    const removed = await this.#repository.clear();
    publish({ type: 'cleared', dataset: this.name, removed });
    return removed;
  }

  /** The ids of all records, in no order. As with SCAN, an id can come twice while Redis resizes its tables. */
  async *ids(): AsyncGenerator<string, void, undefined> {
    this.#assertOpen();
    for await (const page of scanIds(this.#timely, this.dataset.keys)) yield* page;
  }

  /** How many records there are, by counting them. */
  async count(): Promise<number> {
    const distinct = new Set<string>();
    for await (const id of this.ids()) distinct.add(id);
    return distinct.size;
  }

  /** In how many seconds a record expires unless it is kept alive; null when there is no such record. */
  async ttlRemaining(id: string): Promise<number | null> {
    if (!this.dataset.keys.isId(id)) return null;
    const key = this.dataset.keys.record(id);
    const ms = (await this.#lookups.within(() => send(this.#client, ['PTTL', key]))) as number;
    if (ms === -2) return null;
    return ms === -1 ? Infinity : ms / 1000;
  }

  /** When and from where the dataset was loaded; null when it is not loaded. */
  async loadNote(): Promise<LoadNote | null> {
    return this.#lookups.within(() => this.#repository.loads.note());
  }

  /** What happened to a record: whether it is there, until when, and its last changes with who made them and why. */
  async explain(id: string): Promise<Explanation> {
    this.#assertOpen();
    const { access, loads } = this.repositoryOn(this.#timely);
    return explain(access, id, (await loads.note())?.loadedAt ?? null);
  }

  /**
   * What was written, in order, as far as it is remembered: some 2,000 transactions. Go on with the id of the last
   * entry; `gap` says that entries in between may have been forgotten.
   */
  async journal(
    asked: { after?: string | undefined; limit?: number | undefined } = {},
  ): Promise<JournalPage> {
    refuseUnknownOptions('journal()', asked, ['after', 'limit']);
    this.#assertOpen();
    const limit = positiveInteger('limit', asked.limit ?? 100);
    return readJournal(this.#timely, this.dataset.keys, asked.after ?? null, limit);
  }

  stats(): CacheStats {
    return this.#stats.read();
  }

  resetStats(): void {
    this.#stats.reset();
  }

  /** The write half of this dataset on another connection, for a sync worker. Counts into the same stats. */
  repositoryOn(connection: RedisClient, writer: Writer = anyWriter): SyncRepository<T> {
    return new SyncRepository(
      new DatasetAccess(connection, this.dataset, writer, this.#storage),
      this.#stats,
    );
  }

  /** The client that this cache was made with; a worker duplicates it. */
  get client(): RedisClient {
    return this.#client;
  }

  async #load(records: Iterable<T> | AsyncIterable<T>, options: BulkLoadOptions): Promise<LoadReport> {
    const repository = this.#repository;
    const begunAt = await repository.access.now();
    const mark = await repository.loads.mark(this.dataset.keys.bulkLoadMark, this.ttlSeconds);
    const load = new BulkLoad(repository, options);
    for await (const record of records) await load.add(record);
    const report = await load.finish();
    options.signal?.throwIfAborted();
    await repository.loads.conclude(mark, { records: report.loaded, from: 'bulk-load', begunAt });
    repository.tellLoaded(report, 0);
    return report;
  }

  #assertOpen(): void {
    if (!this.#client.isOpen) throw toPrefetchError(new Error('The client is closed'));
  }
}

const changesPerTransaction = 500;
