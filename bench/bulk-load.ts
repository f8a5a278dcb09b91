import { PrefetchCache } from 'express-prefetch-cache';
import type { BenchClient } from './redis.js';
import { categories, hashSchema } from './categories.js';
import { type Result, sideBySide } from './side-by-side.js';

const compared = 100_000;
const streamed = 300_000;
const allowedGrowthMb = 150;

/** `bulkLoad()` against all of it in one pipeline, and what it takes of memory. */
export async function benchBulkLoad(client: BenchClient): Promise<Result[]> {
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:load') });
  const memory = await memoryOf(() => cache.bulkLoad(categories(streamed)));
  const speed = await sideBySide({
    name: `bulkLoad() of ${compared.toLocaleString('en')} records`,
    operations: compared,
    async byHand() {
      const pipeline = client.multi();
      for (const record of categories(compared)) {
        const key = `bench:load:${record.id}`;
        pipeline.del(key).hSet(key, record).expire(key, 3600);
      }
      await pipeline.execAsPipeline();
    },
    ours: () => cache.bulkLoad(categories(compared)),
    target: 0.8,
    rounds: 5,
  });
  return [memory, speed];
}

async function memoryOf(load: () => Promise<unknown>): Promise<Result> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10);
  await load();
  clearInterval(sampling);
  const grownMb = (Math.max(peak, process.memoryUsage.rss()) - before) / 2 ** 20;
  return {
    name: `bulkLoad() of ${streamed.toLocaleString('en')} streamed records, memory`,
    figures: `the process grew by ${grownMb.toFixed(0)} MB (target < ${allowedGrowthMb})`,
    isMet: grownMb < allowedGrowthMb,
  };
}
