import { firstIds } from './first-ids.js';
import type { DemoParts } from './routes/parts.js';

/** Compares the cache with the primary by ids, over everything; the lists show the first ids of each. */
export async function datasetState({ cache, primary }: Pick<DemoParts, 'cache' | 'primary'>, limit: number) {
  const note = await cache.loadNote();
  const cached = new Set<string>();
  for await (const id of cache.ids()) cached.add(id);
  const inPrimary = await primary.ids();
  const missing = [...inPrimary].filter((id) => !cached.has(id));
  const orphaned = [...cached].filter((id) => !inPrimary.has(id));
  return {
    cacheIds: firstIds(cached, limit),
    primaryIds: firstIds(inPrimary, limit),
    missing: firstIds(missing, limit),
    orphaned: firstIds(orphaned, limit),
    cacheCount: cached.size,
    primaryCount: inPrimary.size,
    missingCount: missing.length,
    orphanedCount: orphaned.length,
    truncated: Math.max(cached.size, inPrimary.size) > limit,
    limit,
    loaded: note !== null,
    layout: cache.layout,
    ttlSeconds: cache.ttlSeconds,
  };
}
