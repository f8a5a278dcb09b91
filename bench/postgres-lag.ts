import { type PrefetchCache, SyncWorker, subscribe } from 'express-prefetch-cache';
import type { Category } from './categories.js';
import type { PostgresTable } from './postgres-table.js';
import type { BenchClient } from './redis.js';
import { type Result, quantile, ratioShown } from './side-by-side.js';

const rates = [100, 1_000, 5_000];
const seconds = 4;
const allowedP99Ms = 250;
const patienceMs = 30_000;
/** What the ratio of the medians must reach, the one by hand to ours. */
const target = 0.4;

/** What brings changes to Redis, and tells when each is there. */
interface Feed {
  begin(onThere: (id: string) => void): Promise<() => Promise<void>>;
}

interface Lags {
  /** The rate at which transactions were committed. */
  readonly reached: number;
  /** Of each change, the shortest first. */
  readonly lagsMs: readonly number[];
}

/** How long after its commit a change is in Redis at several rates, against NOTIFY and an awaited MULTI for each. */
export async function benchPostgresLag(
  client: BenchClient,
  cache: PrefetchCache<Category>,
  table: PostgresTable,
): Promise<Result[]> {
  const [ours, byHand] = [worker(cache, table), notified(client, table)];
  for (const feed of [ours, byHand]) await lagsAt(500, feed, table); // warming up
  const results: Result[] = [];
  for (const rate of rates) {
    const lags = await lagsAt(rate, ours, table);
    const others = await lagsAt(rate, byHand, table);
    const p99 = quantile(lags.lagsMs, 0.99);
    const ratio = quantile(others.lagsMs, 0.5) / quantile(lags.lagsMs, 0.5);
    results.push({
      name: `from commit in Postgres to readable in Redis, ${rate.toLocaleString('en')} transactions/s asked for`,
      figures: `ours ${shown(lags)} (target < ${allowedP99Ms}), by hand ${shown(others)}, ${ratioShown(ratio, target)}`,
      isMet: lags.reached >= 0.9 * rate && p99 < allowedP99Ms && ratio >= target,
    });
  }
  return results;
}

function worker(cache: PrefetchCache<Category>, table: PostgresTable): Feed {
  return {
    async begin(onThere) {
      const one = new SyncWorker({ cache, source: table.newSource() });
      await one.start();
      const unsubscribe = subscribe(
        ({ dataset, changes }) => {
          if (dataset !== cache.name) return;
          for (const { id } of changes) if (id !== undefined) onThere(id);
        },
        ['applied'],
      );
      return async () => {
        unsubscribe();
        await one.stop();
      };
    },
  };
}

function notified(client: BenchClient, table: PostgresTable): Feed {
  return {
    begin: (onThere) =>
      table.listen((row) => {
        const key = `bench:notified:${row.id}`;
        const writing = client
          .multi()
          .del(key)
          .hSet(key, { ...row })
          .expire(key, 3600)
          .exec();
        void writing.then(() => {
          onThere(row.id);
        });
      }),
  };
}

async function lagsAt(perSecond: number, feed: Feed, table: PostgresTable): Promise<Lags> {
  const changes = perSecond * seconds;
  const thereAt = new Map<string, number>();
  let expected = 1;
  let all: () => void = () => undefined;
  const end = await feed.begin((id) => {
    thereAt.set(id, performance.timeOrigin + performance.now());
    if (thereAt.size >= expected) all();
  });
  const change = async (count: number, rate?: number) => {
    expected = count;
    thereAt.clear();
    const complete = new Promise<void>((resolve) => (all = resolve));
    const reachedRate = await table.change(count, rate);
    const timer = setTimeout(all, patienceMs);
    await complete;
    clearTimeout(timer);
    return reachedRate;
  };
  await change(1); // then the feed has really begun
  const reached = await change(changes, perSecond);
  const committedAt = await table.committedAt(changes);
  await end();
  const lagsMs = [...committedAt].map(([id, at]) => (thereAt.get(id) ?? Infinity) - at);
  return { reached, lagsMs: lagsMs.sort((a, b) => a - b) };
}

function shown({ reached, lagsMs }: Lags): string {
  const [p50, p99] = [quantile(lagsMs, 0.5), quantile(lagsMs, 0.99)];
  return `${Math.round(reached).toLocaleString('en')}/s reached, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}
