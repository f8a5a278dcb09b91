import {
  type ChangeSource,
  type PrefetchEvent,
  type RedisClient,
  PrefetchCache,
  type SyncWorkerOptions,
  SyncWorker,
  subscribe,
} from '../../src/index.js';
import { type Item, type Layout, itemSchema } from './item.js';
import { type TestClient, type TestRedis, uniquePrefix } from './redis.js';
import { until } from './until.js';
import { watchedClient } from './watched-client.js';

type OnCommand = Parameters<typeof watchedClient>[1];

interface WorldOptions {
  layout?: Layout;
  ttlSeconds?: number;
  prefix?: string;
}

/** One dataset on a real Redis, the workers that a test starts for it, and what they tell. */
export class SyncWorld {
  readonly redis: TestRedis;
  readonly client: TestClient;
  readonly cache: PrefetchCache<Item>;
  readonly events: PrefetchEvent[] = [];
  readonly #workers: SyncWorker<Item>[] = [];
  readonly #unsubscribe: () => void;

  private constructor(redis: TestRedis, client: TestClient, options: WorldOptions) {
    const { layout = 'HASH', ttlSeconds = 600, prefix = uniquePrefix('cache:item') } = options;
    this.redis = redis;
    this.client = client;
    this.cache = new PrefetchCache({ client, schema: itemSchema(prefix, layout), ttlSeconds });
    this.#unsubscribe = subscribe((event) => {
      if (event.dataset === prefix) this.events.push(event);
    });
  }

  static async open(redis: TestRedis, options: WorldOptions = {}): Promise<SyncWorld> {
    return new SyncWorld(redis, await redis.client(), options);
  }

  worker(source: ChangeSource<Item>, options: Partial<SyncWorkerOptions<Item>> = {}): SyncWorker<Item> {
    const worker = new SyncWorker({ cache: this.cache, source, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** A worker that has loaded and follows. */
  async started(
    source: ChangeSource<Item>,
    options: Partial<SyncWorkerOptions<Item>> = {},
  ): Promise<SyncWorker<Item>> {
    const worker = this.worker(source, options);
    await worker.start();
    return worker;
  }

  /** The same dataset, for a worker whose every command goes through `onCommand`. */
  through(onCommand: OnCommand): PrefetchCache<Item> {
    const { schema, ttlSeconds } = this.cache.dataset;
    const duplicate = () =>
      watchedClient(
        this.client.duplicate().on('error', () => undefined),
        onCommand,
      );
    const client = Object.create(this.client, { duplicate: { value: duplicate } }) as RedisClient;
    return new PrefetchCache({ client, schema, ttlSeconds });
  }

  told<T extends PrefetchEvent['type']>(type: T): Extract<PrefetchEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PrefetchEvent, { type: T }> => event.type === type);
  }

  states(): string[] {
    return this.told('worker-state').map(({ state }) => state);
  }

  async version(id: string): Promise<string | undefined> {
    return (await this.cache.get(id)).record?.version;
  }

  checkpoint(): Promise<string | null> {
    return this.client.get(this.cache.dataset.keys.checkpoint);
  }

  /** True while a reload runs, or after one that was not finished. */
  async isMarked(): Promise<boolean> {
    return (await this.client.exists(this.cache.dataset.keys.reloadMark)) === 1;
  }

  /** Redis ids of the connections that are open now, besides ours. */
  async connections(): Promise<number[]> {
    const own = await this.client.clientId();
    const list = await this.client.clientList();
    return list.map(({ id }) => id).filter((id) => id !== own);
  }

  /** Waits until no worker has a connection any more. */
  async withoutConnections(): Promise<void> {
    await until(async () => (await this.connections()).length === 0);
  }

  /** Breaks the connections of the workers; they come back by themselves. */
  async cutConnections(): Promise<void> {
    for (const id of await this.connections()) {
      await this.client.clientKill({ filter: 'ID', id }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(1_000)));
    this.#unsubscribe();
    this.client.destroy();
  }
}
