import type { Request, RequestHandler } from 'express';
import type { Entity } from 'redis-om';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import { optionError } from '../errors.js';
import { positiveInteger, refuseUnknownOptions } from '../options.js';
import { sendOutcome } from './answer.js';
import { appendCacheStatus, cacheStatusOf } from './cache-status.js';
import {
  type CommonLookupOptions,
  type PrefetchLookup,
  checkCache,
  resolveName,
  resolveOnStale,
  resolveOtherwise,
  resolveTimes,
} from './lookup-options.js';
import { Findings } from './prefetched.js';
import { sendProblem } from './problem.js';

export interface PrefetchLookupManyOptions extends CommonLookupOptions {
  /**
   * Under which name `req.prefetch` has the records and what is missing.
   * @default it has not; ask from(req)
   */
  readonly name?: string | undefined;
  /**
   * Where the ids come from: the name of a query parameter that lists them with commas between, or a function of the
   * request.
   * @default 'ids'
   */
  readonly ids?: string | ((req: Request) => readonly string[]) | undefined;
  /**
   * How many ids one request may ask for; more are answered with 400.
   * @default 100
   */
  readonly limit?: number | undefined;
}

/** Records in the order in which their ids were asked for, and the ids that have none. */
export interface Prefetched<T> {
  readonly records: T[];
  readonly missing: string[];
}

/** Without these the route runs only with what it asked for. */
interface NeverGoesOn {
  readonly onUnavailable?: undefined;
  readonly onStale?: 'serve' | undefined;
}

/**
 * A middleware that looks up many records in one round trip. Ids without a record are listed, not answered with 404.
 *
 * @example
 * const some = prefetchLookupMany(categories);
 * app.get('/categories', some, (req, res) => res.json(some.from(req))); // GET /categories?ids=cat-001,cat-002
 */
export function prefetchLookupMany<T extends Entity>(
  cache: PrefetchCache<T>,
  options?: PrefetchLookupManyOptions & NeverGoesOn,
): PrefetchLookup<Prefetched<T>>;
export function prefetchLookupMany<T extends Entity>(
  cache: PrefetchCache<T>,
  options: PrefetchLookupManyOptions,
): PrefetchLookup<Prefetched<T> | undefined>;
export function prefetchLookupMany<T extends Entity>(
  cache: PrefetchCache<T>,
  options: PrefetchLookupManyOptions = {},
): PrefetchLookup<Prefetched<T> | undefined> {
  checkCache('prefetchLookupMany', cache);
  refuseUnknownOptions('prefetchLookupMany()', options, [
    'ids',
    'name',
    'deadlineMs',
    'limit',
    'onUnavailable',
    'maxStalenessMs',
    'onStale',
  ]);
  const idsOf = resolveIds(options.ids ?? 'ids');
  const limit = positiveInteger('limit', options.limit ?? 100);
  const findings = new Findings<Prefetched<T> | undefined>(
    cache.name,
    options.name === undefined ? undefined : resolveName(options.name),
  );
  const cacheStatus = cacheStatusOf(cache.name);
  const lookupOptions = resolveTimes(options);
  const onUnavailable = resolveOtherwise('onUnavailable', options.onUnavailable);
  const { servesStale, onStale } = resolveOnStale(options);

  async function lookUp(...[req, res, next]: Parameters<RequestHandler>): Promise<void> {
    try {
      const ids = idsOf(req);
      if (ids.length === 0 || ids.length > limit) {
        sendProblem(res, { status: 400, detail: `Ask for 1 to ${limit} ids.` });
        return;
      }
      const lookup = await cache.getMany(ids, lookupOptions);
      const { isStale = false } = lookup;
      const answer = isStale && !servesStale ? ({ outcome: 'stale' } as const) : lookup;
      appendCacheStatus(res, cacheStatus(answer.outcome, isStale));
      if (answer.outcome === 'hit' || answer.outcome === 'miss') {
        const { records, missing } = answer;
        findings.attach(req, { records, missing });
      } else {
        findings.attach(req, undefined);
        const handler = answer.outcome === 'stale' ? onStale : onUnavailable;
        if (handler) await handler(req, res, next);
        else sendOutcome(res, cache.name, answer.outcome);
        return;
      }
    } catch (error) {
      next(error);
      return;
    }
    next();
  }
  return Object.assign(lookUp, { from: (req: Request) => findings.of(req) });
}

function resolveIds(ids: NonNullable<PrefetchLookupManyOptions['ids']>): (req: Request) => readonly string[] {
  if (typeof ids === 'function') return ids;
  if (typeof ids !== 'string' || ids === '') {
    throw optionError('ids', 'the name of a query parameter or a function of the request', ids);
  }
  return (req) =>
    [req.query[ids]]
      .flat()
      .filter((part) => typeof part === 'string')
      .flatMap((part) => part.split(','))
      .filter((id) => id !== '');
}
