import type { KafkajsBatch, KafkajsMessage } from './kafkajs.js';

/** https://kafka.apache.org/documentation/#controlbatch */
const abortMark = 0;

export interface Committed {
  readonly messages: KafkajsMessage[];
  /** Where reading goes on. */
  readonly next: bigint;
}

/**
 * Of transactions that overlap in a partition kafkajs gives out messages of those that were aborted. So what it gives
 * is held against the marks, and cut before a message whose mark is not in the batch. Where the batch begins with such a
 * one, there is nothing but to believe kafkajs.
 */
export function committedIn(batch: KafkajsBatch): Committed {
  const { messages, rawMessages = messages, fetchedOffset = '0' } = batch;
  const given = new Set(messages);
  const isAborted = new Map<string, boolean>();
  const committed: KafkajsMessage[] = [];
  let unclear: bigint | undefined;
  const within = rawMessages.filter(({ offset }) => BigInt(offset) >= BigInt(fetchedOffset));
  for (const message of [...within].reverse()) {
    const { producerId = '', inTransaction = false } = message.batchContext ?? {};
    if (message.isControlRecord) {
      isAborted.set(producerId, message.key?.readInt16BE(2) === abortMark);
      continue;
    }
    const verdict = inTransaction ? isAborted.get(producerId) : false;
    if (verdict === undefined) unclear = BigInt(message.offset);
    if (!(verdict ?? !given.has(message))) committed.push(message);
  }
  const end = BigInt(batch.lastOffset()) + 1n;
  const next = unclear === undefined || unclear === BigInt(within[0]?.offset ?? '0') ? end : unclear;
  return { messages: committed.reverse().filter(({ offset }) => BigInt(offset) < next), next };
}
