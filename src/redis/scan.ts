import { type RedisClient, send } from './client.js';
import { toPrefetchError } from './failure.js';
import type { Keys } from './keys.js';

/** The ids of the records of a dataset, page by page. As with SCAN, an id can come twice. */
export async function* scanIds(client: RedisClient, keys: Keys): AsyncGenerator<readonly string[]> {
  let cursor = '0';
  do {
    const [next, found] = await scanPage(client, cursor, keys.scanPattern);
    const ids = found.map((key) => keys.idOf(key)).filter((id) => id !== undefined);
    if (ids.length > 0) yield ids;
    cursor = next;
  } while (cursor !== '0');
}

async function scanPage(client: RedisClient, cursor: string, pattern: string): Promise<[string, string[]]> {
  try {
    return (await send(client, ['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000'])) as [string, string[]];
  } catch (error) {
    throw toPrefetchError(error);
  }
}
