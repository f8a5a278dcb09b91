import { publish } from '../events.js';
import { type RedisClient, send } from './client.js';
import { toPrefetchError } from './failure.js';

/** How a server holds JSON documents: in its JSON type, or, lacking one, as the text of the document. */
export type DocumentStorage = 'native' | 'string';

const found = new WeakMap<RedisClient, DocumentStorage>();

/**
 * Asks the server once per client. JSON.GET rather than COMMAND INFO, because a user who may only read may ask it,
 * and a server refuses an unknown command before it looks at permissions.
 */
export async function documentStorage(
  client: RedisClient,
  dataset: string,
  probeKey: string,
): Promise<DocumentStorage> {
  const known = found.get(client);
  if (known) return known;
  const storage = await askServer(client, probeKey);
  found.set(client, storage);
  publish({ type: 'document-storage', dataset, storage });
  return storage;
}

async function askServer(client: RedisClient, probeKey: string): Promise<DocumentStorage> {
  try {
    await send(client, ['JSON.GET', probeKey]);
    return 'native';
  } catch (error) {
    const failure = toPrefetchError(error);
    if (failure.code === 'ERR_PREFETCH_UNSUPPORTED_SERVER') return 'string';
    if (failure.code === 'ERR_PREFETCH_NO_PERMISSION' || failure.code === 'ERR_PREFETCH_WRONG_TYPE')
      return 'native';
    throw failure;
  }
}
