import { PrefetchCache, SyncWorker } from 'express-prefetch-cache';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import { everythingApplied } from './applied.js';
import type { BenchClient } from './redis.js';
import { categories, category, hashSchema } from './categories.js';
import { type Result, sideBySide } from './side-by-side.js';

const changes = 20_000;

/** Changes that wait in the feed, applied by the worker, against one awaited MULTI for each. */
export async function benchChanges(client: BenchClient): Promise<Result[]> {
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:change') });
  const primary = new MemoryPrimary({ records: categories(changes) });
  const worker = new SyncWorker({ cache, source: primary });
  await worker.start();
  let version = 0;
  const result = await sideBySide({
    name: 'applying queued changes',
    operations: changes,
    async byHand() {
      for (const record of categories(changes)) {
        const key = `bench:change:${record.id}`;
        await client.multi().del(key).hSet(key, record).expire(key, 3600).exec();
      }
    },
    async ours() {
      await worker.pause();
      const name = `Version ${++version}`;
      for (let i = 0; i < changes; i++) primary.update(`cat-${i}`, { name });
      const applied = everythingApplied(changes);
      worker.resume();
      await applied;
      const last = await cache.get(category(changes - 1).id);
      if (last.record?.name !== name) throw new Error('The last change was not applied.');
    },
    target: 4,
  });
  await worker.stop();
  return [result];
}
