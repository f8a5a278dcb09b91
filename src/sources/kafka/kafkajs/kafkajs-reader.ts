import type { Fetched, KafkaReader, Offsets, TopicState } from '../kafka-client.js';
import type { Kafkajs } from './kafkajs.js';
import { PartitionSlots } from './partition-slots.js';
import { SeekingConsumer } from './seeking-consumer.js';
import { TopicAsker } from './topic-asker.js';

/** How long to wait for messages. */
const waitMs = 500;

/** kafkajs pushes messages where it stands; this lets them be asked for from anywhere. */
export class KafkajsReader implements KafkaReader {
  readonly #kafka: Kafkajs;
  readonly #topic: string;
  readonly #groupIdPrefix: string;
  readonly #asker: TopicAsker;
  #consumer: SeekingConsumer | undefined;
  #isClosed = false;

  constructor(kafka: Kafkajs, topic: string, groupIdPrefix: string) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#groupIdPrefix = groupIdPrefix;
    this.#asker = new TopicAsker(kafka, topic);
  }

  topic(): Promise<TopicState> {
    return this.#asker.state();
  }

  async fetch(from: Offsets, signal: AbortSignal): Promise<readonly Fetched[]> {
    if (this.#isClosed) return [];
    const consumer = this.#running(from);
    try {
      await consumer.started;
      if (signal.aborted) return [];
      return await consumer.take(from, waitMs, signal);
    } catch (error) {
      // It is begun anew: nobody knows in what state it is.
      if (this.#consumer === consumer) this.#consumer = undefined;
      await consumer.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#consumer?.close(), this.#asker.close()]);
  }

  #running(from: Offsets): SeekingConsumer {
    this.#consumer ??= new SeekingConsumer(this.#kafka, {
      topic: this.#topic,
      groupIdPrefix: this.#groupIdPrefix,
      slots: new PartitionSlots(from),
      lowest: async () => {
        const { partitions } = await this.#asker.state();
        return new Map(partitions.map(({ partition, low }) => [partition, low]));
      },
    });
    return this.#consumer;
  }
}
