import { type RedisClient, send } from '../client.js';
import { beforeAll, compareEntryIds } from './entry-id.js';
import { streamError } from './stream-error.js';

/** What a stream tells of itself, and whether it holds the entry that was asked for. */
export interface StreamState {
  /** The newest id that was ever given out. */
  readonly lastId: string;
  /** The newest entry that XDEL removed; servers before Redis 7 do not tell. */
  readonly deletedId: string;
  readonly isThere: boolean;
}

/** Why the changes after a position cannot be had, or not all of them. */
export interface Gap {
  readonly reload: 'lost-changes' | 'source-changed';
  readonly detail: string;
}

/** ARGV: the entry that is looked for; without it, the one of the newest id. */
const script = `
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local info, told = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do told[info[i]] = info[i + 1] end
local last = told['last-generated-id']
local id = ARGV[1] or last
return { last, told['max-deleted-entry-id'] or '', #redis.call('XRANGE', KEYS[1], id, id) }`;

type Reply = [lastId: string, deletedId: string, found: number] | null;

/** Null when there is no stream. */
export async function readState(
  client: RedisClient,
  stream: string,
  ...entry: [id?: string]
): Promise<StreamState | null> {
  try {
    const reply = (await send(client, ['EVAL', script, '1', stream, ...(entry as string[])])) as Reply;
    if (reply === null) return null;
    const [lastId, deletedId, found] = reply;
    return { lastId, deletedId: deletedId || beforeAll, isThere: found === 1 };
  } catch (error) {
    throw streamError(stream, error);
  }
}

/**
 * Trimming removes the oldest first, so as long as the entry at the position is there nothing after it was trimmed.
 * A stream that was deleted and made again does not have it, nor does one that Redis took back to an older state.
 */
export function gapAfter(position: string, state: StreamState | null): Gap | undefined {
  if (state === null) {
    const detail = 'The stream is gone: it was deleted or evicted, or Redis lost its data.';
    return { reload: 'source-changed', detail };
  }
  const { lastId, deletedId, isThere } = state;
  if (compareEntryIds(position, lastId) > 0) {
    const detail = `The stream ends at ${lastId}, before ${position}: it was made anew, or Redis was set back to an older state.`;
    return { reload: 'source-changed', detail };
  }
  if (compareEntryIds(deletedId, position) > 0) {
    const detail = `The entry ${deletedId} was deleted before its turn came.`;
    return { reload: 'lost-changes', detail };
  }
  if (isThere || position === lastId) return undefined;
  const detail = `The entry ${position} is gone, and with it perhaps entries after it: the stream was trimmed too far, or made anew.`;
  return { reload: 'lost-changes', detail };
}
