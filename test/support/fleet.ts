import { type ChangeSource, PrefetchCache, type RedisClient, SyncWorker } from '../../src/index.js';
import type { Item } from './item.js';
import type { TestClient } from './redis.js';
import type { SyncWorld } from './sync-world.js';
import { until } from './until.js';

interface Member {
  readonly worker: SyncWorker<Item>;
  readonly connections: TestClient[];
  pauses: number;
}

interface FleetOptions {
  readonly world: SyncWorld;
  readonly source: ChangeSource<Item>;
  readonly maxBatch: number;
}

const most = 2;

/** Workers of one dataset in this process: one writes, another may stand by. There is always one. */
export class Fleet {
  readonly #options: FleetOptions;
  #members: Member[] = [];
  #made = 0;
  readonly #starts: Promise<void>[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** One more, unless there are enough. Beside another it starts by and by: that one may be paused, or load. */
  async join(): Promise<void> {
    if (this.#members.length >= most) return;
    const { world, source, maxBatch } = this.#options;
    const connections: TestClient[] = [];
    const duplicate = () => {
      const connection = world.client.duplicate().on('error', () => undefined);
      connections.push(connection);
      return connection;
    };
    const client = Object.create(world.client, { duplicate: { value: duplicate } }) as RedisClient;
    const { schema, ttlSeconds } = world.cache.dataset;
    const cache = new PrefetchCache({ client, schema, ttlSeconds });
    const name = `worker-${++this.#made}`;
    const worker = new SyncWorker({ cache, source, maxBatch, name, takeoverMs: 250, maxShrink: 1 });
    this.#members.push({ worker, connections, pauses: 0 });
    const start = worker.start({ force: true });
    if (this.#members.length === 1) return start;
    this.#starts.push(start.catch(() => undefined)); // it may be crashed before it stands by
  }

  /** The one that writes hands over, to who stands by or to a new one. */
  async stopWriter(): Promise<void> {
    const writer = this.#leave();
    await writer.worker.stop();
    if (this.#members.length === 0) await this.join();
  }

  /** As if its process was killed: it says nothing more to anybody, and its lease stays. */
  async crashWriter(): Promise<void> {
    const writer = this.#leave();
    for (const connection of writer.connections) if (connection.isOpen) connection.destroy();
    await writer.worker.stop(1);
    if (this.#members.length === 0) await this.join();
  }

  pause(): Promise<void> {
    const writer = this.#writer;
    writer.pauses++;
    return writer.worker.pause();
  }

  resume(): void {
    for (const member of this.#members) {
      for (; member.pauses > 0; member.pauses--) member.worker.resume();
    }
  }

  reload(): Promise<unknown> {
    this.resume();
    return this.#writer.worker.reload({ force: true });
  }

  /** Waits until somebody has applied everything. */
  async quiet(): Promise<void> {
    this.resume();
    await Promise.all(this.#starts.splice(0));
    await until(async () => {
      const { worker } = this.#writer;
      const { state, loading } = worker.status();
      if (state !== 'following' || loading) return false;
      return (await worker.lag())?.events === 0 && (await this.#options.world.cache.loadNote()) !== null;
    }, 20_000);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map(({ worker }) => worker.stop(1_000)));
  }

  get #writer(): Member {
    const writing = this.#members.find(({ worker }) => {
      const { name, writer } = worker.status();
      return name === writer;
    });
    return writing ?? this.#members[0]!;
  }

  #leave(): Member {
    const writer = this.#writer;
    this.#members = this.#members.filter((member) => member !== writer);
    return writer;
  }
}
