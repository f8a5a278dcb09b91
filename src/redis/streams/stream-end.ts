import { type RedisClient, send } from '../client.js';

import { compareEntryIds, idAfter } from './entry-id.js';
import { markFields } from './stream-entry.js';
import { streamError } from './stream-error.js';
import { readState } from './stream-state.js';

/**
 * The id of the newest entry. Where there is none to stand at, one is written, and also where the stream was set back
 * behind the latest position that was seen: positions only ever grow.
 */
export async function endOf(client: RedisClient, stream: string, latest: string): Promise<string> {
  const state = await readState(client, stream);
  if (state?.isThere && compareEntryIds(state.lastId, latest) >= 0) return state.lastId;
  const marked = await mark(client, stream, '*');
  return compareEntryIds(marked, latest) > 0 ? marked : mark(client, stream, idAfter(latest));
}

async function mark(client: RedisClient, stream: string, id: string): Promise<string> {
  try {
    return (await send(client, ['XADD', stream, id, ...markFields])) as string;
  } catch (error) {
    throw streamError(stream, error);
  }
}
