import { createClient } from 'redis';
import type { ChangeSource } from '../../src/index.js';
import { type PostgresSourceOptions, PostgresSource } from '../../src/sources/postgres/index.js';
import { type OutboxSourceOptions, OutboxSource } from '../../src/sources/postgres/outbox/index.js';
import { RedisStreamSource } from '../../src/sources/redis-stream/index.js';
import type { Item } from './item.js';
import { snapshotOf, streamKey } from './redis-primary-snapshot.js';
import type { TestClient } from './redis.js';
import { withSlowSnapshots } from './slow-snapshots.js';

/** A RedisPrimary. */
interface RedisPlace {
  readonly kind?: 'redis-stream';
  readonly url: string;
  readonly name: string;
  /** For how long its snapshot pauses after 100 rows. */
  readonly pauseMs: number;
}

interface PostgresPlace {
  readonly kind: 'postgres';
  readonly options: Omit<PostgresSourceOptions<Item>, 'map' | 'onWarning'>;
  readonly pauseMs: number;
}

interface OutboxPlace {
  readonly kind: 'outbox';
  readonly options: Omit<OutboxSourceOptions<Item>, 'map' | 'onWarning'>;
  readonly pauseMs: number;
}

/** What a worker process follows. */
export type PrimaryPlace = RedisPlace | PostgresPlace | OutboxPlace;

export async function sourceOf(place: PrimaryPlace): Promise<ChangeSource<Item>> {
  switch (place.kind) {
    case 'postgres': {
      const source = new PostgresSource<Item>({ ...place.options, onWarning: () => undefined });
      return withSlowSnapshots(source, place.pauseMs);
    }
    case 'outbox': {
      const source = new OutboxSource<Item>({ ...place.options, onWarning: () => undefined });
      return withSlowSnapshots(source, place.pauseMs);
    }
    default: {
      const client = await connected(place.url);
      const { name, pauseMs } = place;
      return new RedisStreamSource<Item>({
        client,
        stream: streamKey(name),
        snapshot: snapshotOf(client, name, { pauseMs }),
        blockMs: 200,
      });
    }
  }
}

/** Connects again as long as it takes. */
export async function connected(url: string): Promise<TestClient> {
  const client: TestClient = createClient({
    url,
    socket: { reconnectStrategy: (retries) => Math.min(retries * 20, 200) },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
