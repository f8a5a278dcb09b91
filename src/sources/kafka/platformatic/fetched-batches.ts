import type { Fetched, KafkaMessage } from '../kafka-client.js';
import type { PlatformaticBatch, PlatformaticPartition } from './platformatic-consumer.js';

/** https://kafka.apache.org/documentation/#recordbatch */
const logAppendTime = 0x08;
const transactional = 0x10;
const control = 0x20;
const abortMark = 0;

/** Undefined when nothing came. */
export function fetchedOf(topic: string, from: bigint, given: PlatformaticPartition): Fetched | undefined {
  const { partitionIndex: partition } = given;
  const batches = given.records ?? [];
  const last = batches.at(-1);
  if (last === undefined) return undefined;
  const messages = committed(given, batches)
    .flatMap((batch) => messagesOf(topic, partition, batch))
    .filter(({ offset }) => offset >= from);
  const next = endOf(last);
  return { partition, from, next: next > from ? next : from + 1n, messages };
}

/**
 * Without the marks of transactions and what was aborted. The client leaves out some of that itself, but of several
 * transactions that one producer aborted only the last.
 */
function committed(
  { abortedTransactions }: PlatformaticPartition,
  batches: readonly PlatformaticBatch[],
): PlatformaticBatch[] {
  const toCome = [...(abortedTransactions ?? [])].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborted = new Set<bigint>();
  return batches.filter((batch) => {
    while (toCome[0] && toCome[0].firstOffset < endOf(batch)) aborted.add(toCome.shift()?.producerId ?? -1n);
    if (batch.attributes & control) {
      if (batch.records[0]?.key?.readInt16BE(2) === abortMark) aborted.delete(batch.producerId);
      return false;
    }
    return !(batch.attributes & transactional && aborted.has(batch.producerId));
  });
}

function messagesOf(topic: string, partition: number, batch: PlatformaticBatch): KafkaMessage[] {
  const { firstOffset, firstTimestamp, maxTimestamp } = batch;
  const isLogTime = (batch.attributes & logAppendTime) !== 0;
  return batch.records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
    topic,
    partition,
    offset: firstOffset + BigInt(offsetDelta),
    key,
    value,
    headers: new Map(headers.map(([name, header]) => [name?.toString('utf8') ?? '', header])),
    timestampMs: Number(isLogTime ? maxTimestamp : firstTimestamp + timestampDelta),
  }));
}

function endOf({ firstOffset, lastOffsetDelta }: PlatformaticBatch): bigint {
  return firstOffset + BigInt(lastOffsetDelta) + 1n;
}
