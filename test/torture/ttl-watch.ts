import { setTimeout as pause } from 'node:timers/promises';
import type { CacheView } from './cache-view.js';
import type { Verdict } from './verdict.js';

/** Looks at every key of the cache again and again until the signal aborts. */
export async function watchTtls(cache: CacheView, verdict: Verdict, signal: AbortSignal): Promise<void> {
  const accused = new Set<string>();
  while (!signal.aborted) {
    // While Redis is gone there is nothing to see.
    for (const key of await cache.withoutTtl().catch(() => [])) {
      if (!accused.has(key)) verdict.accuse('without-ttl', `${key} has no TTL`);
      accused.add(key);
    }
    await pause(20);
  }
}
