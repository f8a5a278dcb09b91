import { type PrefetchCache, SyncWorker, subscribe } from 'express-prefetch-cache';
import { everythingApplied } from './applied.js';
import type { Category } from './categories.js';
import type { PostgresTable } from './postgres-table.js';
import { type Result, quantile } from './side-by-side.js';

const rates = [100, 1_000, 5_000];
const seconds = 4;
const allowedP99Ms = 250;

/** How long after its commit a change is in Redis, at several rates. */
export async function benchPostgresLag(
  cache: PrefetchCache<Category>,
  table: PostgresTable,
): Promise<Result[]> {
  const worker = new SyncWorker({ cache, source: table.newSource() });
  await worker.start();
  await lagsAt(500, cache, table); // warming up
  const results: Result[] = [];
  for (const rate of rates) {
    const { reached, lagsMs } = await lagsAt(rate, cache, table);
    const p99 = quantile(lagsMs, 0.99);
    results.push({
      name: `from commit in Postgres to readable in Redis, ${rate.toLocaleString('en')} transactions/s asked for`,
      figures: [
        `${Math.round(reached).toLocaleString('en')}/s reached`,
        `p50 ${quantile(lagsMs, 0.5).toFixed(1)} ms`,
        `p99 ${p99.toFixed(1)} ms (target < ${allowedP99Ms})`,
      ].join(', '),
      isMet: p99 < allowedP99Ms,
    });
  }
  await worker.stop();
  return results;
}

async function lagsAt(
  perSecond: number,
  cache: PrefetchCache<Category>,
  table: PostgresTable,
): Promise<{ reached: number; lagsMs: readonly number[] }> {
  const changes = perSecond * seconds;
  const appliedAt = new Map<string, number>();
  const unsubscribe = subscribe(
    (event) => {
      const now = performance.timeOrigin + performance.now();
      if (event.dataset !== cache.name) return;
      for (const { id } of event.changes) if (id !== undefined) appliedAt.set(id, now);
    },
    ['applied'],
  );
  const applied = everythingApplied(changes);
  const reached = await table.change(changes, perSecond);
  await applied;
  unsubscribe();
  const committedAt = await table.committedAt(changes);
  const lagsMs = [...committedAt].map(([id, at]) => (appliedAt.get(id) ?? NaN) - at);
  return { reached, lagsMs: lagsMs.sort((a, b) => a - b) };
}
