import type { KafkaMessage } from '../kafka-client.js';
import type { KafkajsBatch, KafkajsMessage } from './kafkajs.js';

export function messageOf(
  { topic, partition }: Pick<KafkajsBatch, 'topic' | 'partition'>,
  { key, value, offset, timestamp, headers = {} }: KafkajsMessage,
): KafkaMessage {
  return {
    topic,
    partition,
    offset: BigInt(offset),
    key,
    value,
    headers: new Map(Object.entries(headers).map(([name, given]) => [name, headerOf(given)])),
    timestampMs: Number(timestamp),
  };
}

/** Of a header that is there more than once, the last. */
function headerOf(given: Buffer | string | (Buffer | string)[] | undefined): Buffer | null {
  const last = Array.isArray(given) ? given.at(-1) : given;
  if (last === undefined) return null;
  return typeof last === 'string' ? Buffer.from(last) : last;
}
