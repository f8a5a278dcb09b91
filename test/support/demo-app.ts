import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/demo/app.js';
import {
  type Category,
  type CategoryLayout,
  categorySchema,
  sampleCategories,
} from '../../src/demo/category.js';
import { EventStream } from '../../src/demo/event-stream.js';
import { PrefetchCache, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type TestRedis, uniquePrefix } from './redis.js';

export type DemoApp = Awaited<ReturnType<typeof startDemoApp>>;

interface DemoAppOptions {
  layout?: CategoryLayout;
  records?: Iterable<Category>;
  /** How long lookups and operators wait for Redis. */
  deadlineMs?: number;
  pingEveryMs?: number;
}

/** The sample app in this process, loaded and listening, with a page of one line. */
export async function startDemoApp(redis: TestRedis, options: DemoAppOptions = {}) {
  const { layout = 'json', records = sampleCategories(layout), deadlineMs = 2000, pingEveryMs } = options;
  const pageDirectory = await mkdtemp(join(tmpdir(), 'page-'));
  await writeFile(join(pageDirectory, 'index.html'), '<!doctype html><title>The page</title>');
  const client = await redis.client();
  const schema = categorySchema(uniquePrefix(), layout);
  const cache = new PrefetchCache({ client, schema, ttlSeconds: 600, deadlineMs });
  const primary = new MemoryPrimary({ records });
  const worker = new SyncWorker({ cache, source: primary });
  const events = new EventStream({ cache, worker, primary }, pingEveryMs);
  const logged: unknown[] = [];
  const log = (error: unknown) => logged.push(error);
  const app = createApp({
    cache,
    worker,
    primary,
    layout,
    events,
    pageDirectory,
    patienceMs: deadlineMs,
    log,
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await worker.start();
  return {
    cache,
    primary,
    worker,
    events,
    client,
    server,
    logged,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      events.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await worker.stop(deadlineMs);
      await rm(pageDirectory, { recursive: true });
    },
  };
}
