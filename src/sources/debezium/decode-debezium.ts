import type { Change } from '../../sync/source.js';
import { changesOf, eventOf, invalidMessage } from './changes-of.js';
import { type DebeziumDecodeOptions, resolveDecodeOptions } from './decode-options.js';
import type { MessagePart } from './message.js';
import type { SourcePosition } from './source-position.js';

/** What a message says: the changes, mostly one, and where the event stands in the log of its database. */
export interface DebeziumEvent<R> {
  readonly changes: readonly Change<R>[];
  readonly position: SourcePosition | undefined;
}

/** Reads one message of Debezium after the other, whatever carries them. */
export type DebeziumDecoder<R> = (key: MessagePart, value: MessagePart) => DebeziumEvent<R>;

/**
 * Makes a decoder for messages of Debezium in JSON: with and without schema, envelopes and flattened rows. It never
 * throws: what makes no sense is a change `invalid` with the reason. It knows one message at a time;
 * `debeziumMessages()` puts events in order, too.
 *
 * @example
 * const decode = debeziumDecoder<Category>({ types: { price: 'decimal(2)' } });
 * const { changes, position } = decode(message.key, message.value);
 *
 * @throws PrefetchError `ERR_PREFETCH_OPTION`
 */
export function debeziumDecoder<R extends object>(
  options: DebeziumDecodeOptions<R> = {},
): DebeziumDecoder<R> {
  const settings = resolveDecodeOptions('debeziumDecoder', options);
  return (key, value) => {
    try {
      const event = eventOf(key, value, settings);
      return event
        ? { changes: changesOf(event, settings), position: event.position }
        : { changes: [], position: undefined };
    } catch (error) {
      return { changes: [invalidMessage(key, value, error, settings)], position: undefined };
    }
  };
}

/** What one message of Debezium says; for more of them, `debeziumDecoder()` looks at the options only once. */
export function decodeDebezium<R extends object>(
  key: MessagePart,
  value: MessagePart,
  options: DebeziumDecodeOptions<R> = {},
): DebeziumEvent<R> {
  return debeziumDecoder(options)(key, value);
}
