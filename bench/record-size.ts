import { PrefetchCache } from 'express-prefetch-cache';
import { type Category, categories, hashSchema, jsonSchema } from './categories.js';
import type { BenchClient } from './redis.js';
import { type Result, ratioShown } from './side-by-side.js';

const records = 1_000;
/** A hash must not take more than the document. */
const target = 1;

/** What Redis says that a record of five small fields takes, in both layouts. */
export async function benchRecordSize(client: BenchClient): Promise<Result[]> {
  const hash = await bytesOf(client, new PrefetchCache({ client, schema: hashSchema('bench:hash') }));
  const document = await bytesOf(
    client,
    new PrefetchCache({ client, schema: jsonSchema('bench:text'), documents: 'string' }),
  );
  const ratio = document / hash;
  return [
    {
      name: 'memory of a record of five small fields',
      figures: `as a document in one string ${document} bytes, as a hash ${hash} bytes, ${ratioShown(ratio, target)}`,
      isMet: ratio >= target,
    },
  ];
}

async function bytesOf(client: BenchClient, cache: PrefetchCache<Category>): Promise<number> {
  await cache.bulkLoad(categories(records));
  let bytes = 0;
  for (const { id } of categories(records)) {
    bytes += (await client.memoryUsage(`${cache.name}:${id}`)) ?? 0;
  }
  return Math.round(bytes / records);
}
