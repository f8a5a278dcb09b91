import type { Request, RequestHandler } from 'express';
import type { Entity } from 'redis-om';
import type { LookupOptions } from '../cache/lookups.js';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import { PrefetchError, optionError } from '../errors.js';
import { milliseconds } from '../options.js';

/** What happens instead of the usual answer. `'next'` goes on to the route, which then finds `undefined`. */
export type Otherwise = 'next' | RequestHandler;

/** Options that a lookup of one and of many records share. */
export interface CommonLookupOptions {
  /**
   * How long the lookup may take.
   * @default that of the cache
   */
  readonly deadlineMs?: number | undefined;
  /** @default 503 with Retry-After, as application/problem+json */
  readonly onUnavailable?: Otherwise | undefined;
  /**
   * For how long the worker may not have been heard of before what is in Redis is stale.
   * @default it is never stale
   */
  readonly maxStalenessMs?: number | undefined;
  /**
   * What happens instead of the usual answer to a hit or a miss that is stale. `'serve'` answers as if it were not, and
   * says so in `Cache-Status`; with all else nothing of it is handed on.
   * @default 503 with Retry-After, as application/problem+json
   */
  readonly onStale?: 'serve' | Otherwise | undefined;
}

/** A middleware that also knows what it found. */
export interface PrefetchLookup<F> extends RequestHandler {
  /**
   * What this lookup found for the request.
   *
   * @throws PrefetchError `ERR_PREFETCH_LOOKUP_NOT_MOUNTED` when it has not run for it
   */
  from(req: Request): F;
}

export function checkCache<T extends Entity>(middleware: string, cache: PrefetchCache<T>): void {
  if (typeof (cache as Partial<PrefetchCache<T>> | undefined)?.getMany === 'function') return;
  const isRequest = typeof (cache as unknown as Partial<Request> | undefined)?.method === 'string';
  throw isRequest
    ? new PrefetchError(
        'ERR_PREFETCH_OPTION',
        `${middleware} makes a middleware and is none itself: write app.get('/…', ${middleware}(cache), …).`,
      )
    : optionError('cache', 'a PrefetchCache', cache);
}

export function resolveName(name: string): string {
  if (typeof name === 'string' && name !== '' && name !== '__proto__') return name;
  throw optionError('name', 'a name for req.prefetch', name);
}

/** What the cache is to be asked with. */
export function resolveTimes({ deadlineMs, maxStalenessMs }: CommonLookupOptions): LookupOptions {
  return {
    ...(deadlineMs !== undefined && { deadlineMs: milliseconds('deadlineMs', deadlineMs) }),
    ...(maxStalenessMs !== undefined && { maxStalenessMs: milliseconds('maxStalenessMs', maxStalenessMs) }),
  };
}

/** What to do with what is stale: to serve it, or instead. */
export function resolveOnStale({ maxStalenessMs, onStale }: CommonLookupOptions): {
  servesStale: boolean;
  onStale: RequestHandler | undefined;
} {
  if (onStale !== undefined && maxStalenessMs === undefined) {
    throw optionError(
      'maxStalenessMs',
      'a number of milliseconds, because `onStale` is given',
      maxStalenessMs,
    );
  }
  if (onStale === 'serve') return { servesStale: true, onStale: undefined };
  const expected = "'serve', a request handler or 'next'";
  return { servesStale: false, onStale: resolveOtherwise('onStale', onStale, expected) };
}

/** A handler, or undefined for the usual answer. */
export function resolveOtherwise(
  option: string,
  given: Otherwise | undefined,
  expected = "a request handler or 'next'",
): RequestHandler | undefined {
  if (given === undefined || typeof given === 'function') return given;
  if ((given as unknown) === 'next') return goOn;
  throw optionError(option, expected, given);
}

const goOn: RequestHandler = (_req, _res, next) => {
  next();
};
