import { optionError } from '../../errors.js';
import { milliseconds, refuseUnknownOptions } from '../../options.js';
import { type RedisClient, checkClient } from '../../redis/client.js';
import type { SnapshotFunction } from '../loading/snapshot-function.js';
import { checkStreamKey } from '../../redis/streams/stream-key.js';

export interface RedisStreamSourceOptions<R> {
  /** A connected node-redis client of the Redis that holds the stream. Reading uses a connection of its own. */
  readonly client: RedisClient;
  /** The key of the stream. */
  readonly stream: string;
  /**
   * Gives all records of the primary. It must begin to read only when it is called: what was committed before has to
   * be in what it gives.
   */
  readonly snapshot: SnapshotFunction<R>;
  /**
   * Whether to remove entries that have been applied. Set it to false when somebody else reads the stream too.
   * @default true
   */
  readonly trim?: boolean | undefined;
  /**
   * How long to wait for entries before looking whether the stream is still the one that was read.
   * @default 1000
   */
  readonly blockMs?: number | undefined;
}

export interface ResolvedOptions<R> {
  readonly client: RedisClient;
  readonly stream: string;
  readonly snapshot: SnapshotFunction<R>;
  readonly trim: boolean;
  readonly blockMs: number;
}

/** @throws PrefetchError */
export function resolveOptions<R>(options: RedisStreamSourceOptions<R>): ResolvedOptions<R> {
  refuseUnknownOptions('RedisStreamSource', options, ['client', 'stream', 'snapshot', 'trim', 'blockMs']);
  const { client, stream, snapshot, trim = true, blockMs = 1_000 } = options;
  checkClient(client);
  checkStreamKey(stream);
  if (typeof snapshot !== 'function') {
    throw optionError('snapshot', 'a function that gives all records', snapshot);
  }
  if (typeof trim !== 'boolean') throw optionError('trim', 'true or false', trim);
  return Object.freeze({
    client,
    stream,
    snapshot,
    trim,
    blockMs: Math.ceil(milliseconds('blockMs', blockMs)),
  });
}
