import type { Entity } from 'redis-om';
import type { PrefetchError } from '../errors.js';
import { type LookupOutcome, hasListeners, publish } from '../events.js';
import { milliseconds } from '../options.js';
import type { RedisClient } from '../redis/client.js';
import type { DocumentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import { TimelyReader } from '../redis/timely-reader.js';
import type { Dataset } from './dataset.js';
import { Freshness } from './freshness.js';
import type { LookupStats } from './lookup-stats.js';
import { type Finding, RecordFinder } from './record-finder.js';

/** What is told only to who asks for it with `maxStalenessMs`. */
interface Freshly {
  /** The worker has not been heard of for longer, so what was found may be outdated. */
  isStale?: boolean;
}

interface Nothing {
  isStale?: undefined;
  redisLatencyMs: number;
}

export type Lookup<T> =
  | ({ outcome: 'hit'; record: T; redisLatencyMs: number } & Freshly)
  | ({ outcome: 'miss'; record?: undefined; redisLatencyMs: number } & Freshly)
  | ({ outcome: 'not-loaded'; record?: undefined } & Nothing)
  | ({ outcome: 'unavailable'; record?: undefined; error: PrefetchError } & Nothing);

/** `hit` when every id has its record, `miss` when some have none. */
export type LookupMany<T> =
  | ({ outcome: 'hit' | 'miss'; records: T[]; missing: string[]; redisLatencyMs: number } & Freshly)
  | ({ outcome: 'not-loaded' } & Nothing)
  | ({ outcome: 'unavailable'; error: PrefetchError } & Nothing);

export interface LookupOptions {
  /** @default that of the cache */
  readonly deadlineMs?: number | undefined;
  /**
   * For how long the worker may not have been heard of before `isStale` is true.
   * @default it is not asked
   */
  readonly maxStalenessMs?: number | undefined;
}

type Timely<F> = Finding<F> & Freshly;

/** The read half of a dataset: looks up, within the deadline, counts and tells. */
export class Lookups<T extends Entity> {
  readonly #dataset: Dataset<T>;
  readonly #deadlineMs: number;
  readonly #stats: LookupStats;
  readonly #timely: TimelyReader;
  readonly #finder: RecordFinder<T>;
  readonly #freshness: Freshness;

  constructor(
    client: RedisClient,
    dataset: Dataset<T>,
    stats: LookupStats,
    options: { readonly deadlineMs: number; readonly storage: DocumentStorage | undefined },
  ) {
    this.#dataset = dataset;
    this.#stats = stats;
    this.#deadlineMs = milliseconds('deadlineMs', options.deadlineMs);
    this.#timely = new TimelyReader(client);
    this.#finder = new RecordFinder(client, dataset, options.storage);
    this.#freshness = new Freshness(client, dataset.keys);
  }

  async get(id: string, options?: LookupOptions): Promise<Lookup<T>> {
    if (!this.#dataset.keys.isId(id)) return this.#told(id, { outcome: 'miss', redisLatencyMs: 0 });
    const startedAt = performance.now();
    try {
      const finding = await this.#find(options, () => this.#finder.one(id));
      const { found: record, redisLatencyMs } = finding;
      if (record !== undefined) return this.#told(id, { outcome: 'hit', record, ...timelyPart(finding) });
      if (!finding.isKnown) return this.#told(id, { outcome: 'not-loaded', redisLatencyMs });
      return this.#told(id, { outcome: 'miss', ...timelyPart(finding) });
    } catch (error) {
      return this.#told(id, unavailable(error, startedAt));
    }
  }

  async getMany(ids: readonly string[], options?: LookupOptions): Promise<LookupMany<T>> {
    const startedAt = performance.now();
    const distinct = [...new Set(ids)];
    const possible = distinct.filter((id) => this.#dataset.keys.isId(id));
    try {
      const finding = await this.#findMany(possible, options);
      const { found, redisLatencyMs } = finding;
      const missing = distinct.filter((id) => !found.has(id));
      if (!finding.isKnown) {
        this.#tellMany(missing, 'not-loaded', redisLatencyMs);
        return { outcome: 'not-loaded', redisLatencyMs };
      }
      this.#tellMany([...found.keys()], 'hit', redisLatencyMs);
      this.#tellMany(missing, 'miss', redisLatencyMs);
      const outcome = missing.length > 0 ? 'miss' : 'hit';
      return { outcome, records: [...found.values()], missing, ...timelyPart(finding) };
    } catch (error) {
      const { outcome, error: reason, redisLatencyMs } = unavailable(error, startedAt);
      this.#tellMany(distinct, outcome, redisLatencyMs, { error: reason });
      return { outcome, error: reason, redisLatencyMs };
    }
  }

  /** How long ago the worker was last heard of; Infinity when it never was. */
  staleness(): Promise<number> {
    return this.within(() => this.#freshness.ask());
  }

  /** Any other question to Redis, within the deadline of lookups. */
  within<R>(question: () => Promise<R>): Promise<R> {
    return this.#timely.read(this.#deadlineMs, question);
  }

  async #findMany(
    ids: readonly string[],
    options: LookupOptions | undefined,
  ): Promise<Timely<Map<string, T>>> {
    if (ids.length === 0) return { found: new Map(), isKnown: true, redisLatencyMs: 0 };
    return this.#find(options, () => this.#finder.many(ids));
  }

  /** What is found and how fresh it is are asked together. */
  #find<F>(
    { deadlineMs, maxStalenessMs }: LookupOptions = {},
    find: () => Promise<Finding<F>>,
  ): Promise<Timely<F>> {
    const deadline = deadlineMs === undefined ? this.#deadlineMs : milliseconds('deadlineMs', deadlineMs);
    if (maxStalenessMs === undefined) return this.#timely.read(deadline, find);
    const longest = milliseconds('maxStalenessMs', maxStalenessMs);
    return this.#timely.read(deadline, async () => {
      const [finding, isStale] = await Promise.all([find(), this.#freshness.isStale(longest)]);
      return { ...finding, isStale };
    });
  }

  #told<L extends Lookup<T>>(id: string, lookup: L): L {
    const { outcome, redisLatencyMs } = lookup;
    this.#stats.countLookups(outcome);
    if (hasListeners('lookup')) {
      const reason = lookup.outcome === 'unavailable' ? { error: lookup.error } : {};
      publish({ type: 'lookup', dataset: this.#dataset.name, id, outcome, redisLatencyMs, ...reason });
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
      publish({ type: 'lookup', dataset: this.#dataset.name, id, outcome, redisLatencyMs, ...reason });
    }
  }
}

/** What a lookup tells besides what it found. */
function timelyPart({ redisLatencyMs, isStale }: Timely<unknown>): Freshly & { redisLatencyMs: number } {
  return isStale === undefined ? { redisLatencyMs } : { redisLatencyMs, isStale };
}

/** What is wrong with one record needs somebody to look at it; everything else passes, so the caller may try again. */
function unavailable(error: unknown, startedAt: number): Extract<Lookup<never>, { outcome: 'unavailable' }> {
  const failure = toPrefetchError(error);
  const isIncident =
    failure.code === 'ERR_PREFETCH_WRONG_TYPE' || failure.code === 'ERR_PREFETCH_UNREADABLE_RECORD';
  if (isIncident || failure.code === 'ERR_PREFETCH_OPTION') throw failure;
  return { outcome: 'unavailable', error: failure, redisLatencyMs: performance.now() - startedAt };
}
