import { PrefetchCache, SyncWorker } from 'express-prefetch-cache';
import { everythingApplied } from './applied.js';
import type { BenchClient } from './redis.js';
import { type Category, categories, hashSchema } from './categories.js';
import { benchPostgresLag } from './postgres-lag.js';
import { PostgresTable } from './postgres-table.js';
import { type Result, sideBySide } from './side-by-side.js';

const rows = 100_000;
const backlog = 50_000;

/** A table of a real Postgres, loaded and followed. */
export async function benchPostgres(client: BenchClient): Promise<Result[]> {
  const table = await PostgresTable.create(rows);
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:postgres') });
  try {
    return [
      ...(await benchLoad(client, cache, table)),
      await benchBacklog(cache, table),
      ...(await benchPostgresLag(client, cache, table)),
    ];
  } finally {
    await table.stop();
  }
}

/** The first load, with the slot that it makes, against what the server gives at best, and what Redis takes. */
async function benchLoad(
  client: BenchClient,
  cache: PrefetchCache<Category>,
  table: PostgresTable,
): Promise<Result[]> {
  let worker: SyncWorker<Category> | undefined;
  const load = {
    operations: rows,
    ours() {
      worker = new SyncWorker({ cache, source: table.newSource() });
      return worker.start();
    },
    async before() {
      await worker?.stop();
      worker = undefined;
      await client.flushDb();
      await table.dropSlot();
    },
    rounds: 5,
  };
  const name = `first load of ${rows.toLocaleString('en')} rows of Postgres`;
  const results = [
    await sideBySide({
      name: `${name}, against COPY to nowhere`,
      byHand: () => table.copy(),
      other: 'COPY',
      ...load,
      target: 0.005,
    }),
    await sideBySide({
      name: `${name}, against bulkLoad() of as many from memory`,
      byHand: () => cache.bulkLoad(categories(rows)),
      other: 'bulkLoad()',
      ...load,
      target: 0.4,
    }),
  ];
  await load.before();
  return results;
}

/** What waits in the slot when a worker comes, against the server that decodes it for nobody. */
async function benchBacklog(cache: PrefetchCache<Category>, table: PostgresTable): Promise<Result> {
  let worker = new SyncWorker({ cache, source: table.newSource() });
  await worker.start();
  let isWaiting = false;
  const result = await sideBySide({
    name: `applying ${backlog.toLocaleString('en')} transactions from a slot, against decoding them to nowhere`,
    operations: backlog,
    byHand: () => table.decodeBacklog(),
    other: 'decoding',
    async ours() {
      const applied = everythingApplied(backlog);
      worker = new SyncWorker({ cache, source: table.newSource() });
      await worker.start();
      await applied;
      isWaiting = false;
    },
    async before() {
      if (isWaiting) return;
      const { position } = worker.status();
      await worker.stop();
      await table.forgetBefore(position ?? '');
      await table.change(backlog);
      isWaiting = true;
    },
    target: 0.04,
    rounds: 5,
  });
  await worker.stop();
  return result;
}
