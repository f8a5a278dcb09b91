import { PrefetchCache } from 'express-prefetch-cache';
import type { BenchClient } from './redis.js';
import { categories, hashSchema } from './categories.js';
import { type Result, inFlight, sideBySide } from './side-by-side.js';

const records = 10_000;

/** `get()` in the hash layout against a plain `hGetAll()` of the same keys. */
export async function benchLookups(client: BenchClient): Promise<Result[]> {
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:lookup') });
  await cache.bulkLoad(categories(records));
  const compare = (atOnce: number, operations: number) =>
    sideBySide({
      name: `get(), ${atOnce} in flight`,
      operations,
      byHand: () => inFlight(atOnce, operations, (i) => client.hGetAll(`bench:lookup:cat-${i % records}`)),
      ours: () => inFlight(atOnce, operations, (i) => cache.get(`cat-${i % records}`)),
      target: 0.8,
    });
  return [await compare(1, 10_000), await compare(64, 50_000)];
}
