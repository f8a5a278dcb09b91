import { type RedisClient, checkClient, send } from '../../redis/client.js';
import { streamError } from '../../redis/streams/stream-error.js';
import { checkStreamKey } from '../../redis/streams/stream-key.js';
import { type StreamChange, encodeChange } from './change-entry.js';

/**
 * Appends a change to the stream that a RedisStreamSource follows, and returns the id of its entry. Call it after the
 * primary has committed, in the order of the commits of a record. Nothing is ever trimmed by it.
 *
 * @example
 * await db.query('update category set name = $2 where id = $1', [id, name]);
 * await publishChange(client, 'changes:category', { op: 'upsert', id, record: { id, name } });
 *
 * @throws PrefetchError `ERR_PREFETCH_REFUSED` for a change that cannot be published as it is; `ERR_PREFETCH_UNAVAILABLE`
 * when Redis did not confirm it: then publish it again, before any later change of the record
 */
export async function publishChange<R extends object>(
  client: RedisClient,
  stream: string,
  change: StreamChange<R>,
): Promise<string> {
  checkClient(client);
  checkStreamKey(stream);
  const fields = Object.entries(encodeChange(change)).flat();
  try {
    return (await send(client, ['XADD', stream, '*', ...fields])) as string;
  } catch (error) {
    throw streamError(stream, error);
  }
}
