import type { ServerResponse } from 'node:http';
import type { LookupOutcome } from '../events.js';

/** Adds our line to `Cache-Status` (RFC 9211). There is never a `fwd`: nothing is forwarded to the primary. */
export function appendCacheStatus(res: ServerResponse, dataset: string, outcome: LookupOutcome): void {
  const cache = `"${dataset.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  const status = outcome === 'hit' ? `${cache}; hit` : `${cache}; detail=${outcome}`;
  const before = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', before === undefined ? status : `${String(before)}, ${status}`);
}
