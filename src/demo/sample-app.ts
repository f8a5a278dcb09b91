import { PrefetchCache, subscribe } from '../index.js';
import { createApp } from './app.js';
import { type Category, categorySchema } from './category.js';
import { Crew } from './crew.js';
import { EventStream } from './event-stream.js';
import { Faults } from './faults/faults.js';
import { OwnRedis } from './faults/own-redis.js';
import { closeServer, listen, urlOf } from './http-server.js';
import type { DemoOptions } from './options.js';
import { startPrimary } from './primary/start-primary.js';
import { ProgressBar } from './progress-bar.js';
import { connectRedis } from './redis-client.js';
import { findRedis } from './redis-server/find-redis.js';
import type { Shutdown } from './shutdown.js';
import { VitalSigns } from './vital-signs.js';

export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly projectDirectory: string;
  readonly pageDirectory: string;
  readonly shutdown: Shutdown;
}

const drainMs = 5000;
/** Short enough to be watched. */
const takeoverMs = 3000;
const replaceAfterMs = 6000;
/** For how long a server that is stalled or crashed is away. */
const pauseMs = 5000;

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
  const { primary, note } = await startPrimary(options, projectDirectory, warn);
  shutdown.add(() => primary.stop());
  say(`Primary: ${note}`);
  const crew = new Crew({ cache, source: primary.source, size: options.workers, takeoverMs, replaceAfterMs });
  shutdown.add(() => crew.stop(drainMs));

  const { maxStalenessMs } = options;
  const vitals = new VitalSigns(cache);
  const events = new EventStream({ cache, crew, primary, vitals, maxStalenessMs });
  primary.statements?.tellTo(events.tellStatement);
  const ownRedis = redis.process && new OwnRedis(redis.process);
  const faults = options.faults
    ? new Faults({ cache, crew, primary, ownRedis, pauseMs, tell: events.tellFault })
    : undefined;
  shutdown.add(() => faults?.end());
  const app = createApp({
    ...{ cache, crew, primary, layout, vitals, faults, maxStalenessMs },
    ...{ events, pageDirectory },
  });
  const server = await listen(app, options.host, options.port);
  shutdown.add(() => {
    events.close();
    return closeServer(server, drainMs);
  });
  say(`Layout ${cache.layout}, keys ${cache.name}:*, TTL ${ttlSeconds} s`);
  say(`Listening on ${urlOf(server)}`);

  shutdown.add(tellTroubles(cache.name));
  say(await prefetched(crew, cache, await primary.count()));
}

async function prefetched(crew: Crew, cache: PrefetchCache<Category>, total: number): Promise<string> {
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
    await crew.start();
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
      const message = event.type === 'worker-error' ? event.error.message : event.message;
      if (event.dataset !== dataset || message === last) return;
      last = message;
      warn(`${event.worker}: ${last}`);
    },
    ['worker-error', 'source-warning'],
  );
}

function say(line: string): void {
  console.log(line);
}

function warn(line: string): void {
  console.error(line);
}
