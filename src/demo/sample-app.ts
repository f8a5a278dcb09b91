import { PrefetchCache, SyncWorker, subscribe } from '../index.js';
import { MemoryPrimary } from '../sources/memory/index.js';
import { createApp } from './app.js';
import { type Category, categorySchema, generatedCategories, sampleCategories } from './category.js';
import { EventStream } from './event-stream.js';
import { closeServer, listen, urlOf } from './http-server.js';
import type { DemoOptions } from './options.js';
import { ProgressBar } from './progress-bar.js';
import { connectRedis } from './redis-client.js';
import { findRedis } from './redis-server/find-redis.js';
import type { Shutdown } from './shutdown.js';

export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly projectDirectory: string;
  readonly pageDirectory: string;
  readonly shutdown: Shutdown;
}

const drainMs = 5000;

/** Starts everything, and resolves when the dataset is loaded and followed. */
export async function startSampleApp(options: DemoOptions, surroundings: Surroundings): Promise<void> {
  const { environment, projectDirectory, pageDirectory, shutdown } = surroundings;
  const redis = await findRedis({ given: options.redis, environment, projectDirectory, say });
  shutdown.add(redis.stop);
  say(`Redis: ${redis.note}`);

  const client = await connectRedis(redis.url, warn);
  shutdown.add(() => {
    client.destroy();
  });
  const { layout, cachePrefix, ttlSeconds } = options;
  const cache = new PrefetchCache({ client, schema: categorySchema(cachePrefix, layout), ttlSeconds });
  const primary = new MemoryPrimary<Category>({
    records:
      options.records === undefined ? sampleCategories(layout) : generatedCategories(layout, options.records),
    readLatencyMs: options.primaryLatencyMs,
  });
  const worker = new SyncWorker({ cache, source: primary });
  shutdown.add(() => worker.stop(drainMs));

  const events = new EventStream({ cache, worker, primary });
  const app = createApp({ cache, worker, primary, layout, events, pageDirectory });
  const server = await listen(app, options.host, options.port);
  shutdown.add(() => {
    events.close();
    return closeServer(server, drainMs);
  });
  say(`Layout ${cache.layout}, keys ${cache.name}:*, TTL ${ttlSeconds} s`);
  say(`Listening on ${urlOf(server)}`);

  shutdown.add(tellTroubles(cache.name));
  say(await prefetched(worker, cache, primary.size));
}

async function prefetched(
  worker: SyncWorker<Category>,
  cache: PrefetchCache<Category>,
  total: number,
): Promise<string> {
  const bar = new ProgressBar(process.stdout, total);
  let loaded: string | undefined;
  const unsubscribe = subscribe((event) => {
    if (event.dataset !== cache.name) return;
    if (event.type === 'load-progress') bar.show(event.loaded);
    if (event.type === 'loaded') {
      loaded = `Prefetched ${event.loaded} records in ${event.elapsedMs} ms`;
      if (event.refused > 0) loaded += `; ${event.refused} were refused`;
    }
  });
  try {
    await worker.start();
  } finally {
    unsubscribe();
    bar.remove();
  }
  return loaded ?? `Found ${(await cache.loadNote())?.records ?? 0} records loaded already`;
}

/** What happens in the background is told here, or nobody would know. */
function tellTroubles(dataset: string): () => void {
  let last = '';
  return subscribe(
    (event) => {
      if (event.dataset !== dataset || event.error.message === last) return;
      last = event.error.message;
      warn(`Sync worker: ${last}`);
    },
    ['worker-error'],
  );
}

function say(line: string): void {
  console.log(line);
}

function warn(line: string): void {
  console.error(line);
}
