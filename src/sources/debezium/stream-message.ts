import type { StreamEntry } from '../../redis/streams/stream-entry.js';
import type { Delivery } from './event-reader.js';

/** How Debezium Server writes a message into an entry: `debezium.sink.redis.message.format`. */
export type MessageFormat = 'auto' | 'compact' | 'extended';

/**
 * The messages of an entry: compact, the field is the key and its value the value; extended, there are fields `key`
 * and `value`, and perhaps headers. Undefined when it is neither.
 */
export function messagesIn(
  [, fields]: StreamEntry,
  format: MessageFormat,
  nullText: string,
): readonly Delivery[] | undefined {
  const pairs = pairsOf(fields);
  const part = (text: string) => (text === nullText ? null : text);
  const named = new Map(pairs);
  const [key, value] = [named.get('key'), named.get('value')];
  const isExtended = key !== undefined && value !== undefined;
  if (isExtended && format !== 'compact') return [{ key: part(key), value: part(value) }];
  if (format === 'extended' || pairs.length === 0) return undefined;
  return pairs.map(([name, text]) => ({ key: part(name), value: part(text) }));
}

export function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) pairs.push([fields[i] ?? '', fields[i + 1] ?? '']);
  return pairs;
}
