import type { Request, RequestHandler } from 'express';
import type { Entity } from 'redis-om';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import { PrefetchError, optionError } from '../errors.js';
import { refuseUnknownOptions } from '../options.js';
import { sendOutcome } from './answer.js';
import { appendCacheStatus, cacheStatusOf } from './cache-status.js';
import {
  type CommonLookupOptions,
  type Otherwise,
  type PrefetchLookup,
  checkCache,
  resolveName,
  resolveOnStale,
  resolveOtherwise,
  resolveTimes,
} from './lookup-options.js';
import { Findings } from './prefetched.js';

export interface PrefetchLookupOptions extends CommonLookupOptions {
  /**
   * Under which name `req.prefetch` has the record.
   * @default the last part of the schema's name: `category` of `cache:category`
   */
  readonly name?: string | undefined;
  /**
   * Where the id comes from: the name of a route parameter, or a function of the request. It is a miss when the
   * function returns something other than text.
   * @default 'id'
   */
  readonly id?: string | ((req: Request) => string | readonly string[] | undefined) | undefined;
  /** @default 404 as application/problem+json */
  readonly onMiss?: Otherwise | undefined;
}

/** Without these the route runs only with what it asked for. */
interface NeverGoesOn {
  readonly onMiss?: undefined;
  readonly onUnavailable?: undefined;
  readonly onStale?: 'serve' | undefined;
}

/**
 * A middleware that looks up one record in Redis, attaches it to the request, and answers 404 on a miss and 503 when
 * Redis cannot tell, or tells what is too old. The primary is never asked.
 *
 * @example
 * const category = prefetchLookup(categories);
 * app.get('/categories/:id', category, (req, res) => res.json(category.from(req)));
 */
export function prefetchLookup<T extends Entity>(
  cache: PrefetchCache<T>,
  options?: PrefetchLookupOptions & NeverGoesOn,
): PrefetchLookup<T>;
export function prefetchLookup<T extends Entity>(
  cache: PrefetchCache<T>,
  options: PrefetchLookupOptions,
): PrefetchLookup<T | undefined>;
export function prefetchLookup<T extends Entity>(
  cache: PrefetchCache<T>,
  options: PrefetchLookupOptions = {},
): PrefetchLookup<T | undefined> {
  checkCache('prefetchLookup', cache);
  refuseUnknownOptions('prefetchLookup()', options, [
    'id',
    'name',
    'deadlineMs',
    'onMiss',
    'onUnavailable',
    'maxStalenessMs',
    'onStale',
  ]);
  const idOf = resolveId(options.id ?? 'id');
  const findings = new Findings<T | undefined>(cache.name, resolveName(options.name ?? lastPart(cache.name)));
  const cacheStatus = cacheStatusOf(cache.name);
  const lookupOptions = resolveTimes(options);
  const onUnavailable = resolveOtherwise('onUnavailable', options.onUnavailable);
  const { servesStale, onStale } = resolveOnStale(options);
  const otherwise = {
    miss: resolveOtherwise('onMiss', options.onMiss),
    'not-loaded': onUnavailable,
    unavailable: onUnavailable,
    stale: onStale,
  };

  async function lookUp(...[req, res, next]: Parameters<RequestHandler>): Promise<void> {
    try {
      const { outcome, record, isStale = false } = await cache.get(idOf(req), lookupOptions);
      const answer = isStale && !servesStale ? 'stale' : outcome;
      findings.attach(req, answer === 'hit' ? record : undefined);
      appendCacheStatus(res, cacheStatus(answer, isStale));
      if (answer !== 'hit') {
        const handler = otherwise[answer];
        if (handler) await handler(req, res, next);
        else sendOutcome(res, cache.name, answer);
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

function lastPart(dataset: string): string {
  return dataset.slice(dataset.lastIndexOf(':') + 1);
}

function resolveId(id: NonNullable<PrefetchLookupOptions['id']>): (req: Request) => string {
  if (typeof id === 'function') return (req) => textOrNoId(id(req));
  if (typeof id !== 'string' || id === '') {
    throw optionError('id', 'the name of a route parameter or a function of the request', id);
  }
  return (req) => {
    const value = req.params[id];
    if (value === undefined) {
      throw new PrefetchError(
        'ERR_PREFETCH_NO_ID_PARAMETER',
        `The route of ${req.method} ${req.baseUrl}${req.path} has no parameter ":${id}". Name the one that it has: prefetchLookup(cache, { id: '…' }).`,
      );
    }
    return textOrNoId(value);
  };
}

/** A wildcard parameter is a list in Express 5. The empty text is no id. */
function textOrNoId(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}
