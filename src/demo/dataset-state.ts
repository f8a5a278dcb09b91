import type { DemoParts } from './routes/parts.js';

/** Compares the cache with the primary by ids, over everything; the lists show the first ids of each. */
export async function datasetState({ cache, primary }: Pick<DemoParts, 'cache' | 'primary'>, limit: number) {
  const note = await cache.loadNote();
  const cached = new Set<string>();
  for await (const id of cache.ids()) cached.add(id);
  const missing = [...primary.ids()].filter((id) => !cached.has(id));
  const orphaned = [...cached].filter((id) => !primary.has(id));
  return {
    cacheIds: firstIds(cached, limit),
    primaryIds: firstIds(primary.ids(), limit),
    missing: firstIds(missing, limit),
    orphaned: firstIds(orphaned, limit),
    cacheCount: cached.size,
    primaryCount: primary.size,
    missingCount: missing.length,
    orphanedCount: orphaned.length,
    truncated: Math.max(cached.size, primary.size) > limit,
    limit,
    loaded: note !== null,
    layout: cache.layout,
    ttlSeconds: cache.ttlSeconds,
  };
}

/** The first ids in order, without putting all of them in order. */
export function firstIds(ids: Iterable<string>, limit: number): string[] {
  let first: string[] = [];
  let last: string | undefined;
  const shorten = () => {
    first = first.sort().slice(0, limit);
    last = first.length === limit ? first.at(-1) : undefined;
  };
  for (const id of ids) {
    if (last !== undefined && id > last) continue;
    if (first.push(id) >= 10 * limit) shorten();
  }
  shorten();
  return first;
}
