import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchCache, type RedisClient, SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, items } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';

let redis: TestRedis;
let world: SyncWorld;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis, { ttlSeconds: 1 });
});

afterEach(() => world.close());

/** A client whose duplicate delivers commands late that say how long the dataset counts as loaded. */
function delaying(delayMs: number): RedisClient {
  const { loadNote } = world.cache.dataset.keys;
  const duplicate = () => {
    const connection = world.client.duplicate();
    return Object.create(connection, {
      sendCommand: {
        value: async (args: readonly string[], options?: object) => {
          const text = args.join(' ');
          const isLate = text.includes(loadNote) && /PEXPIRE|loadedAt/.test(text);
          if (isLate) await sleep(delayMs);
          return connection.sendCommand(args, options);
        },
      },
    }) as RedisClient;
  };
  return Object.create(world.client, { duplicate: { value: duplicate } }) as RedisClient;
}

it('a note that reaches Redis late does not outlive the records', async () => {
  const cache = new PrefetchCache({
    client: delaying(600),
    schema: world.cache.dataset.schema,
    ttlSeconds: 1,
  });
  const worker = new SyncWorker({ cache, source: new MemoryPrimary<Item>({ records: items(10) }) });
  await worker.start();
  await worker.stop();
  const outcomes = new Set<string>();
  while (!outcomes.has('not-loaded')) outcomes.add((await world.cache.get('item-00003')).outcome);
  expect(outcomes).toEqual(new Set(['hit', 'not-loaded']));
});
