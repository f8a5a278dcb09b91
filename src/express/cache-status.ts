import type { ServerResponse } from 'node:http';
import type { LookupOutcome } from '../events.js';

type CacheStatus = Readonly<Record<LookupOutcome, string>>;

/** What `Cache-Status` (RFC 9211) says of a dataset. There is never a `fwd`: nothing is forwarded to the primary. */
export function cacheStatusOf(dataset: string): CacheStatus {
  const cache = `"${dataset.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  return {
    hit: `${cache}; hit`,
    miss: `${cache}; detail=miss`,
    'not-loaded': `${cache}; detail=not-loaded`,
    unavailable: `${cache}; detail=unavailable`,
  };
}

export function appendCacheStatus(res: ServerResponse, status: string): void {
  const before = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', before === undefined ? status : `${String(before)}, ${status}`);
}
