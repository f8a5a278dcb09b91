import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../../settling.js';
import type { Fetched, Offsets } from '../kafka-client.js';
import { Bell } from './bell.js';
import { committedIn } from './committed-messages.js';
import type { Kafkajs, KafkajsBatch, KafkajsBatchEnd, KafkajsConsumer } from './kafkajs.js';
import { messageOf } from './kafkajs-message.js';
import type { PartitionSlots } from './partition-slots.js';

/** How long kafkajs may wait for messages, and does when all partitions are paused. */
const longPollMs = 200;
/** For what is taken at once a partition need not be paused. */
const takenWithinMs = 20;
const metadataMaxAgeMs = 30_000;
const closeWithinMs = 3_000;
const partitionsAtOnce = 16;

export interface SeekingConsumerOptions {
  readonly topic: string;
  readonly groupIdPrefix: string;
  readonly slots: PartitionSlots;
  /** The first offset of each partition that is still there. */
  readonly lowest: () => Promise<Offsets>;
}

/**
 * A consumer of kafkajs that is alone in its group and begins where it is told to, after each time that it joins, too.
 * Of each partition it reads no further than what has not been taken.
 */
export class SeekingConsumer {
  readonly started: Promise<void>;
  readonly #options: SeekingConsumerOptions;
  readonly #consumer: KafkajsConsumer;
  readonly #arrived = new Bell();
  readonly #taken = new Bell();
  readonly #paused = new Set<number>();
  readonly #verifying = new Set<number>();
  #failure: Error | undefined;
  #answers = 0;
  #closed: Promise<unknown> | undefined;

  constructor(kafka: Kafkajs, options: SeekingConsumerOptions) {
    this.#options = options;
    this.#consumer = kafka.consumer({
      groupId: `${options.groupIdPrefix}-${randomUUID()}`,
      maxWaitTimeInMs: longPollMs,
      metadataMaxAge: metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      // It would come back after it was closed. Another one is begun instead.
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    this.started = this.#start();
    this.started.catch(() => undefined); // whoever asks for messages hears of it
  }

  /** What there is from these offsets on, as soon as there is anything; nothing only when the cluster has answered. */
  async take(from: Offsets, waitMs: number, signal: AbortSignal): Promise<readonly Fetched[]> {
    const { slots } = this.#options;
    for (const partition of slots.expect(from)) this.#seek(partition);
    const deadline = performance.now() + waitMs;
    const answersBefore = this.#answers;
    for (;;) {
      if (this.#failure) throw this.#failure;
      const taken = slots.take(from);
      this.#taken.ring();
      this.#resume([...from.keys()].filter((partition) => this.#paused.has(partition)));
      const leftMs = deadline - performance.now();
      const isOver = leftMs <= 0 && this.#answers > answersBefore;
      if (taken.length > 0 || isOver || signal.aborted) return taken;
      await this.#arrived.heard(leftMs > 0 ? leftMs : waitMs, signal);
    }
  }

  close(): Promise<unknown> {
    this.#closed ??= settlesWithin(
      this.started.catch(() => undefined).then(() => this.#consumer.disconnect()),
      closeWithinMs,
    );
    return this.#closed;
  }

  async #start(): Promise<void> {
    const { topic } = this.#options;
    const consumer = this.#consumer;
    consumer.on('consumer.group_join', () => {
      for (const partition of this.#options.slots.expected.keys()) this.#seek(partition);
    });
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      if (payload.batchSize === 0 && payload.topic === topic) void this.#passOver(payload);
    });
    consumer.on('consumer.network.request', ({ payload }) => {
      if (payload.apiName !== 'Fetch') return;
      this.#answers++;
      this.#arrived.ring();
    });
    consumer.on('consumer.crash', ({ payload }) => {
      this.#fail(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      eachBatch: async (payload) => {
        if (payload.batch.topic === topic && !payload.isStale()) await this.#receive(payload.batch);
      },
    });
  }

  async #receive(batch: KafkajsBatch): Promise<void> {
    const { slots } = this.#options;
    const { partition } = batch;
    if (this.#verifying.has(partition)) return;
    const { messages: committed, next } = committedIn(batch);
    const messages = committed.map((message) => messageOf(batch, message));
    const from = batch.fetchedOffset === undefined ? messages[0]?.offset : BigInt(batch.fetchedOffset);
    const reception = slots.receive({ partition, from: from ?? next, next, messages });
    if (reception === 'jumped') this.#fail(jumped(partition, slots));
    if (reception === 'unwanted') this.#pause(partition);
    if (reception === 'full') this.#pause(partition);
    const isCut = next <= BigInt(batch.lastOffset());
    if (isCut || reception === 'full' || reception === 'stale') this.#seek(partition);
    if (reception !== 'kept') return;
    this.#arrived.ring();
    const deadline = performance.now() + takenWithinMs;
    for (
      let leftMs = takenWithinMs;
      slots.isFull(partition) && leftMs > 0;
      leftMs = deadline - performance.now()
    ) {
      await this.#taken.heard(leftMs);
    }
    if (slots.isFull(partition)) this.#pause(partition);
  }

  /**
   * Marks of transactions, and messages of aborted ones, which kafkajs keeps to itself. It does not tell from where it
   * read them: after a removal of messages it goes on at the first that is left without a word.
   */
  async #passOver({ partition, lastOffset }: KafkajsBatchEnd): Promise<void> {
    const { slots, lowest } = this.#options;
    const expected = slots.expected.get(partition);
    const next = BigInt(lastOffset) + 1n;
    if (expected === undefined || next <= expected || this.#verifying.has(partition)) return;
    this.#verifying.add(partition);
    try {
      const low = (await lowest()).get(partition) ?? 0n;
      if (low > expected) this.#fail(jumped(partition, slots));
      else if (slots.expected.get(partition) === expected) {
        slots.receive({ partition, from: expected, next, messages: [] });
      }
      this.#arrived.ring();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#verifying.delete(partition);
      this.#seek(partition); // what came meanwhile was not looked at
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#arrived.ring();
  }

  #seek(partition: number): void {
    const offset = this.#options.slots.expected.get(partition);
    if (offset === undefined) return;
    this.#whenRunning(() => {
      this.#consumer.seek({ topic: this.#options.topic, partition, offset: String(offset) });
    });
  }

  #pause(partition: number): void {
    this.#paused.add(partition);
    this.#whenRunning(() => {
      this.#consumer.pause([{ topic: this.#options.topic, partitions: [partition] }]);
    });
  }

  #resume(partitions: number[]): void {
    if (partitions.length === 0) return;
    this.#whenRunning(() => {
      this.#consumer.resume([{ topic: this.#options.topic, partitions }]);
      for (const partition of partitions) this.#paused.delete(partition);
    });
  }

  /** While it joins its group anew there is nothing to seek in; it seeks when it has joined. */
  #whenRunning(work: () => void): void {
    try {
      work();
    } catch {
      // not running
    }
  }
}

function jumped(partition: number, { expected }: PartitionSlots): Error {
  return new Error(`partition ${partition} could not be read from offset ${String(expected.get(partition))}`);
}
