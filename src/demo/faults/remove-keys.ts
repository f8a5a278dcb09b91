import type { PrefetchCache, RedisClient } from '../../index.js';
import type { Category } from '../category.js';

const keysPerCommand = 500;

/** Removes everything of this dataset and nothing else: the server may be somebody's. Returns how many keys there were. */
export async function removeKeysOf(cache: PrefetchCache<Category>): Promise<number> {
  const { client, name } = cache;
  let removed = 0;
  let keys: string[] = [];
  const unlink = async () => {
    if (keys.length > 0) removed += (await client.sendCommand(['UNLINK', ...keys])) as number;
    keys = [];
  };
  for await (const key of keysOfWorkers(client, name)) keys.push(key);
  await unlink();
  for await (const id of cache.ids()) {
    if (keys.push(`${name}:${id}`) === keysPerCommand) await unlink();
  }
  await unlink();
  return removed;
}

async function* keysOfWorkers(client: RedisClient, name: string): AsyncGenerator<string> {
  const pattern = `prefetch:{${name}}:*`.replace(/[?[\]\\^-]|\*(?!$)/g, '\\$&');
  let cursor = '0';
  do {
    const command = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000'];
    const [next, keys] = (await client.sendCommand(command)) as [cursor: string, keys: string[]];
    yield* keys;
    cursor = next;
  } while (cursor !== '0');
}
