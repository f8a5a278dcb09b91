import type { Entity, Schema } from 'redis-om';
import type { PrefetchError } from '../errors.js';
import { optionError } from '../errors.js';
import { type LookupOutcome, hasListeners, publish } from '../events.js';
import { milliseconds, refuseUnknownOptions } from '../options.js';
import { type RedisClient, checkClient, send } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import { scanIds } from '../redis/scan.js';
import { TimelyReader } from '../redis/timely-reader.js';
import { unlessAborted } from '../settling.js';
import { BulkLoad, type BulkLoadOptions } from './bulk-load.js';
import type { LoadReport } from './load-report.js';
import type { ApplyReport, Change, Refusal } from './change.js';
import { type Dataset, createDataset } from './dataset.js';
import type { LoadNote } from './load-note.js';
import { type CacheStats, LookupStats } from './lookup-stats.js';
import { type Finding, RecordFinder } from './record-finder.js';
import { SyncRepository, refusedError } from './sync-repository.js';

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

export type Lookup<T> =
  | { outcome: 'hit'; record: T; redisLatencyMs: number }
  | { outcome: 'miss' | 'not-loaded'; record?: undefined; redisLatencyMs: number }
  | { outcome: 'unavailable'; record?: undefined; error: PrefetchError; redisLatencyMs: number };

/** `hit` when every id has its record, `miss` when some have none. */
export type LookupMany<T> =
  | { outcome: 'hit' | 'miss'; records: T[]; missing: string[]; redisLatencyMs: number }
  | { outcome: 'not-loaded'; redisLatencyMs: number }
  | { outcome: 'unavailable'; error: PrefetchError; redisLatencyMs: number };

export interface LookupOptions {
  readonly deadlineMs?: number | undefined;
}

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
  readonly #deadlineMs: number;
  readonly #storage: DocumentStorage | undefined;
  readonly #timely: TimelyReader;
  readonly #finder: RecordFinder<T>;
  readonly #stats = new LookupStats();
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
    this.#deadlineMs = milliseconds('deadlineMs', deadlineMs);
    this.#storage = documents === 'auto' ? undefined : documents;
    this.#timely = new TimelyReader(client);
    this.#finder = new RecordFinder(client, this.dataset, this.#storage);
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
  async get(id: string, options?: LookupOptions): Promise<Lookup<T>> {
    if (!this.dataset.keys.isId(id)) return this.#told(id, { outcome: 'miss', redisLatencyMs: 0 });
    const startedAt = performance.now();
    try {
      const finding = await this.#timely.read(this.#deadline(options), () => this.#finder.one(id));
      const { found: record, redisLatencyMs } = finding;
      if (record !== undefined) return this.#told(id, { outcome: 'hit', record, redisLatencyMs });
      return this.#told(id, { outcome: finding.isKnown ? 'miss' : 'not-loaded', redisLatencyMs });
    } catch (error) {
      return this.#told(id, unavailable(error, startedAt));
    }
  }

  /** Looks many records up in one round trip. Records come in the order of the ids, each once. */
  async getMany(ids: readonly string[], options?: LookupOptions): Promise<LookupMany<T>> {
    const startedAt = performance.now();
    const distinct = [...new Set(ids)];
    const possible = distinct.filter((id) => this.dataset.keys.isId(id));
    try {
      const { found, isKnown, redisLatencyMs } = await this.#findMany(possible, options);
      const missing = distinct.filter((id) => !found.has(id));
      if (!isKnown) {
        this.#tellMany(missing, 'not-loaded', redisLatencyMs);
        return { outcome: 'not-loaded', redisLatencyMs };
      }
      this.#tellMany([...found.keys()], 'hit', redisLatencyMs);
      this.#tellMany(missing, 'miss', redisLatencyMs);
      const outcome = missing.length > 0 ? 'miss' : 'hit';
      return { outcome, records: [...found.values()], missing, redisLatencyMs };
    } catch (error) {
      const { outcome, error: reason, redisLatencyMs } = unavailable(error, startedAt);
      this.#tellMany(distinct, outcome, redisLatencyMs, { error: reason });
      return { outcome, error: reason, redisLatencyMs };
    }
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
    const removed = await this.#repository.remove([id]);
    publish({ type: 'invalidated', dataset: this.name, id });
    return removed === 1;
  }

  /** Removes all records and returns how many there were. The dataset is not loaded any more. */
  async clear(): Promise<number> {
    this.#assertOpen();
    await this.#repository.forgetLoad();
    const removed = await this.#repository.removeAll();
    publish({ type: 'cleared', dataset: this.name, removed });
    return removed;
  }

  /** The ids of all records, in no order. As with SCAN, an id can come twice while Redis resizes its tables. */
  async *ids(): AsyncGenerator<string, void, undefined> {
    this.#assertOpen();
    for await (const page of scanIds(this.#client, this.dataset.keys)) yield* page;
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
    const ms = (await this.#timely.read(this.#deadlineMs, () => send(this.#client, ['PTTL', key]))) as number;
    if (ms === -2) return null;
    return ms === -1 ? Infinity : ms / 1000;
  }

  /** When and from where the dataset was loaded; null when it is not loaded. */
  async loadNote(): Promise<LoadNote | null> {
    return this.#timely.read(this.#deadlineMs, () => this.#repository.loadNote());
  }

  stats(): CacheStats {
    return this.#stats.read();
  }

  resetStats(): void {
    this.#stats.reset();
  }

  /** The write half of this dataset on another connection, for a sync worker. Counts into the same stats. */
  repositoryOn(connection: RedisClient): SyncRepository<T> {
    return new SyncRepository(connection, this.dataset, this.#stats, this.#storage);
  }

  /** The client that this cache was made with; a worker duplicates it. */
  get client(): RedisClient {
    return this.#client;
  }

  async #load(records: Iterable<T> | AsyncIterable<T>, options: BulkLoadOptions): Promise<LoadReport> {
    const repository = this.#repository;
    const begunAt = await repository.now();
    const mark = await repository.markLoad(this.dataset.keys.bulkLoadMark, this.ttlSeconds);
    const load = new BulkLoad(repository, options);
    for await (const record of records) await load.add(record);
    const report = await load.finish();
    options.signal?.throwIfAborted();
    await repository.concludeLoad(mark, { records: report.loaded, from: 'bulk-load', begunAt });
    repository.tellLoaded(report, 0);
    return report;
  }

  async #findMany(ids: readonly string[], options?: LookupOptions): Promise<Finding<Map<string, T>>> {
    if (ids.length === 0) return { found: new Map(), isKnown: true, redisLatencyMs: 0 };
    return this.#timely.read(this.#deadline(options), () => this.#finder.many(ids));
  }

  #told<L extends Lookup<T>>(id: string, lookup: L): L {
    const { outcome, redisLatencyMs } = lookup;
    this.#stats.countLookups(outcome);
    if (hasListeners('lookup')) {
      const reason = lookup.outcome === 'unavailable' ? { error: lookup.error } : {};
      publish({ type: 'lookup', dataset: this.name, id, outcome, redisLatencyMs, ...reason });
    }
    return lookup;
  }

  #tellMany(
    ids: readonly string[],
    outcome: LookupOutcome,
    redisLatencyMs: number,
    reason: { error?: PrefetchError } = {},
  ): void {
    this.#stats.countLookups(outcome, ids.length);
    for (const id of hasListeners('lookup') ? ids : []) {
      publish({ type: 'lookup', dataset: this.name, id, outcome, redisLatencyMs, ...reason });
    }
  }

  #deadline(options: LookupOptions | undefined): number {
    const given = options?.deadlineMs;
    return given === undefined ? this.#deadlineMs : milliseconds('deadlineMs', given);
  }

  #assertOpen(): void {
    if (!this.#client.isOpen) throw toPrefetchError(new Error('The client is closed'));
  }
}

const changesPerTransaction = 500;

/** What is wrong with one record needs somebody to look at it; everything else passes, so the caller may try again. */
function unavailable(error: unknown, startedAt: number): Extract<Lookup<never>, { outcome: 'unavailable' }> {
  const failure = toPrefetchError(error);
  const isIncident =
    failure.code === 'ERR_PREFETCH_WRONG_TYPE' || failure.code === 'ERR_PREFETCH_UNREADABLE_RECORD';
  if (isIncident || failure.code === 'ERR_PREFETCH_OPTION') throw failure;
  return { outcome: 'unavailable', error: failure, redisLatencyMs: performance.now() - startedAt };
}
