import { refuseUnknownOptions } from '../../options.js';
import type { Change, SourceWarning } from '../../sync/source.js';
import { type DebeziumDecodeOptions, decodeOptionNames, resolveDecodeOptions } from './decode-options.js';
import { EventReader } from './event-reader.js';
import { loadReasons } from './loads-needed.js';
import type { MessagePart } from './message.js';
import { orderWindowOf } from './order-window.js';

export interface DebeziumMessagesOptions<R> extends DebeziumDecodeOptions<R> {
  /**
   * How many messages an event may come late and still be known to be older than another of its record.
   * @default 4096, twice the largest batch of Debezium
   */
  readonly orderWindow?: number | undefined;
}

/** What a message says after those that were read before it. */
export interface DebeziumReading<R> {
  readonly changes: readonly Change<R>[];
  /** Why changes are not enough to go on, in words: everything has to be loaded. */
  readonly loadNeeded?: string | undefined;
  readonly warning?: SourceWarning | undefined;
}

/** Reads one message after the other, in the order in which they are delivered. It never throws. */
export type DebeziumReader<R> = (message: {
  readonly key: MessagePart;
  readonly value: MessagePart;
}) => DebeziumReading<R>;

/** Reads messages of Debezium in order, for a transport that keeps them. */
export interface DebeziumMessages<R> {
  /** How many messages before the first one that counts a reader has to be shown, to know what is older than they. */
  readonly memory: number;
  /** A reader that knows nothing yet: one for each partition, and a new one wherever reading begins. */
  begin(): DebeziumReader<R>;
}

/**
 * Reads messages of Debezium in JSON, whatever carries them, as `debeziumDecoder()` does. Besides, it leaves out what is
 * older than what came before, and says when Debezium begins a snapshot, which does not tell what was deleted.
 *
 * @example
 * const source = new KafkaSource<Category>({
 *   client,
 *   topic: 'shop.public.category',
 *   decode: debeziumMessages<Category>(),
 *   snapshot: async () => (await db.query('select id::text, name from category')).rows,
 *   deleteRetentionMs: false,
 * });
 *
 * @throws PrefetchError `ERR_PREFETCH_OPTION`
 */
export function debeziumMessages<R extends object>(
  options: DebeziumMessagesOptions<R> = {},
): DebeziumMessages<R> {
  refuseUnknownOptions('debeziumMessages', options, [...decodeOptionNames, 'orderWindow']);
  const { orderWindow, ...decoding } = options;
  const memory = orderWindowOf(orderWindow);
  const settings = resolveDecodeOptions('debeziumMessages', decoding);
  return {
    memory: Math.max(1, memory), // whether the one before was a row of a snapshot must be known
    begin: () => {
      const reader = new EventReader<R>(settings, memory);
      return (message) => {
        const { changes, loadNeeded, warning } = reader.read(message);
        return { changes, loadNeeded: loadNeeded && loadReasons[loadNeeded], warning };
      };
    },
  };
}
