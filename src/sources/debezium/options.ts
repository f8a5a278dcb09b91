import { optionError } from '../../errors.js';
import { milliseconds, refuseUnknownOptions } from '../../options.js';
import { type RedisClient, checkClient } from '../../redis/client.js';
import type { SnapshotFunction } from '../loading/snapshot-function.js';
import { checkStreamKey } from '../../redis/streams/stream-key.js';
import { orderWindowOf } from './order-window.js';
import {
  type DebeziumDecodeOptions,
  type DecodeSettings,
  decodeOptionNames,
  resolveDecodeOptions,
} from './decode-options.js';

/** `data-integration` is what a job of Redis Data Integration writes with `data_type: stream`. */
export type StreamFormat = 'auto' | 'compact' | 'extended' | 'data-integration';

export interface DebeziumRedisSourceOptions<R> extends DebeziumDecodeOptions<R> {
  /** A connected node-redis client of the Redis that holds the stream. Reading uses a connection of its own. */
  readonly client: RedisClient;
  /** The key of the stream, as `<topic.prefix>.<schema>.<table>`. */
  readonly stream: string;
  /**
   * Gives all records of the primary. It must begin to read only when it is called: what was committed before has to
   * be in what it gives. Without it, the records come from the snapshot that Debezium itself wrote into the stream.
   */
  readonly snapshot?: SnapshotFunction<R> | undefined;
  /**
   * How the sink writes entries.
   * @default 'auto', which tells compact and extended apart
   */
  readonly format?: StreamFormat | undefined;
  /**
   * What the sink writes for null, as `debezium.sink.redis.null.key` and `null.value`.
   * @default 'default'
   */
  readonly nullText?: string | undefined;
  /**
   * How many entries an event may come late and still be known to be older than another of its record. As many are
   * kept in the stream behind what is applied.
   * @default 4096, twice the largest batch of Debezium
   */
  readonly orderWindow?: number | undefined;
  /**
   * Whether to remove entries that have been applied. Set it to false when somebody else reads the stream too.
   * @default true with `snapshot`, false without it
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
  readonly snapshot: SnapshotFunction<R> | undefined;
  readonly format: StreamFormat;
  readonly nullText: string;
  readonly orderWindow: number;
  readonly trim: boolean;
  readonly blockMs: number;
  readonly decoding: DecodeSettings<R>;
}

const formats: readonly StreamFormat[] = ['auto', 'compact', 'extended', 'data-integration'];

const ownNames = ['client', 'stream', 'snapshot', 'format', 'nullText', 'orderWindow', 'trim', 'blockMs'];

/** @throws PrefetchError */
export function resolveOptions<R>(options: DebeziumRedisSourceOptions<R>): ResolvedOptions<R> {
  refuseUnknownOptions('DebeziumRedisSource', options, [...ownNames, ...decodeOptionNames]);
  const { client, stream, snapshot, format = 'auto', nullText = 'default', blockMs = 1_000 } = options;
  const { keyColumns, id, map, types, unavailableValue } = options;
  checkClient(client);
  checkStreamKey(stream);
  if (!formats.includes(format)) throw optionError('format', `one of ${formats.join(', ')}`, format);
  if (snapshot !== undefined && typeof snapshot !== 'function') {
    throw optionError('snapshot', 'a function that gives all records', snapshot);
  }
  if (typeof nullText !== 'string') throw optionError('nullText', 'a text', nullText);
  checkFormat(options, format);
  const trim = options.trim ?? snapshot !== undefined;
  if (typeof trim !== 'boolean') throw optionError('trim', 'true or false', trim);
  if (trim && snapshot === undefined) {
    throw optionError(
      'trim',
      'false where there is no `snapshot`: the stream is all there is to load from',
      trim,
    );
  }
  return Object.freeze({
    client,
    stream,
    snapshot,
    format,
    nullText,
    orderWindow: format === 'data-integration' ? 0 : orderWindowOf(options.orderWindow),
    trim,
    blockMs: Math.ceil(milliseconds('blockMs', blockMs)),
    decoding: resolveDecodeOptions('DebeziumRedisSource', { keyColumns, id, map, types, unavailableValue }),
  });
}

/** What flat rows do not say. */
function checkFormat<R>(options: DebeziumRedisSourceOptions<R>, format: StreamFormat): void {
  if (format !== 'data-integration') return;
  if (options.keyColumns === undefined && options.id === undefined) {
    throw optionError(
      'keyColumns',
      'given with the format data-integration, whose entries have no key',
      undefined,
    );
  }
  if (options.snapshot === undefined) {
    throw optionError(
      'snapshot',
      'given with the format data-integration, whose entries tell of none',
      undefined,
    );
  }
}
