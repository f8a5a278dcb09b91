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
import { Crew } from '../../src/demo/crew.js';
import { EventStream } from '../../src/demo/event-stream.js';
import { Faults } from '../../src/demo/faults/faults.js';
import { OwnRedis } from '../../src/demo/faults/own-redis.js';
import { InMemory } from '../../src/demo/primary/in-memory.js';
import type { Primary } from '../../src/demo/primary/primary.js';
import { VitalSigns } from '../../src/demo/vital-signs.js';
import { PrefetchCache } from '../../src/index.js';
import { type TestRedis, uniquePrefix } from './redis.js';

export type DemoApp = Awaited<ReturnType<typeof startDemoApp>>;

interface DemoAppOptions {
  layout?: CategoryLayout;
  records?: Iterable<Category>;
  /** @default one in memory, with these records */
  primary?: Primary;
  /** How long lookups and operators wait for Redis. */
  deadlineMs?: number;
  pingEveryMs?: number;
  /** @default 2 */
  workers?: number;
  takeoverMs?: number;
  replaceAfterMs?: number;
  /** @default true */
  faults?: boolean;
  /** The app may stall and flush the server, as if it had started it. @default false */
  ownsRedis?: boolean;
  pauseMs?: number;
  maxStalenessMs?: number;
}

/** The sample app in this process, loaded and listening, with a page of one line. */
export async function startDemoApp(redis: TestRedis, options: DemoAppOptions = {}) {
  const { layout = 'json', records = sampleCategories(layout), deadlineMs = 2000, pingEveryMs } = options;
  const {
    workers: size = 2,
    takeoverMs = 3000,
    replaceAfterMs = 300,
    pauseMs = 500,
    maxStalenessMs,
  } = options;
  const pageDirectory = await mkdtemp(join(tmpdir(), 'page-'));
  await writeFile(join(pageDirectory, 'index.html'), '<!doctype html><title>The page</title>');
  const client = await redis.client();
  const schema = categorySchema(uniquePrefix(), layout);
  const cache = new PrefetchCache({ client, schema, ttlSeconds: 600, deadlineMs });
  const inMemory = new InMemory(layout, records);
  const primary: Primary = options.primary ?? inMemory;
  const crew = new Crew({ cache, source: primary.source, size, takeoverMs, replaceAfterMs });
  const vitals = new VitalSigns(cache);
  const events = new EventStream({ cache, crew, primary, vitals, maxStalenessMs }, pingEveryMs);
  primary.statements?.tellTo(events.tellStatement);
  const ownRedis = options.ownsRedis
    ? new OwnRedis({
        kill(signal) {
          if (signal === 'SIGSTOP') redis.stall();
          else redis.resume();
          return true;
        },
      })
    : undefined;
  const faults =
    options.faults === false
      ? undefined
      : new Faults({ cache, crew, primary, ownRedis, pauseMs, tell: events.tellFault });
  const logged: unknown[] = [];
  const log = (error: unknown) => logged.push(error);
  const app = createApp({
    ...{ cache, crew, primary, layout, vitals, faults, maxStalenessMs, events },
    ...{ pageDirectory, patienceMs: deadlineMs, log },
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await crew.start();
  await vitals.look();
  return {
    cache,
    /** Of use unless another one was given. */
    primary: inMemory.source,
    crew,
    events,
    faults,
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
      faults?.end();
      await crew.stop(deadlineMs);
      await rm(pageDirectory, { recursive: true });
    },
  };
}
