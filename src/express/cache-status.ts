import type { ServerResponse } from 'node:http';
import type { Answer } from './answer.js';

/** The header's value for an answer; `isStale` when it is served although it may be outdated. */
type CacheStatus = (answer: Answer, isStale: boolean) => string;

/** What `Cache-Status` (RFC 9211) says of a dataset. There is never a `fwd`: nothing is forwarded to the primary. */
export function cacheStatusOf(dataset: string): CacheStatus {
  const cache = `"${dataset.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  const fresh: Readonly<Record<Answer, string>> = {
    hit: `${cache}; hit`,
    miss: `${cache}; detail=miss`,
    'not-loaded': `${cache}; detail=not-loaded`,
    unavailable: `${cache}; detail=unavailable`,
    stale: `${cache}; detail=stale`,
  };
  const stale = { ...fresh, hit: `${cache}; hit; detail=stale`, miss: `${cache}; detail=stale-miss` };
  return (answer, isStale) => (isStale ? stale : fresh)[answer];
}

export function appendCacheStatus(res: ServerResponse, status: string): void {
  const before = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', before === undefined ? status : `${String(before)}, ${status}`);
}
