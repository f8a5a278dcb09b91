import { settlesWithin } from '../../../settling.js';
import type { TopicState } from '../kafka-client.js';
import type { Kafkajs, KafkajsAdmin } from './kafkajs.js';

const closeWithinMs = 3_000;

/** Asks how far a topic goes, over connections of its own. */
export class TopicAsker {
  readonly #kafka: Kafkajs;
  readonly #topic: string;
  #admin: Promise<KafkajsAdmin> | undefined;

  constructor(kafka: Kafkajs, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  async state(): Promise<TopicState> {
    const admin = await this.#connected();
    const { clusterId } = await admin.describeCluster(); // each time: it may be another one
    const { topics } = await admin.fetchTopicMetadata({ topics: [this.#topic] });
    const offsets = await admin.fetchTopicOffsets(this.#topic);
    if (topics[0]?.partitions.length !== offsets.length) {
      await this.close(); // the other one does not learn of partitions for minutes
      throw new Error('the partitions of the topic have just changed');
    }
    const partitions = offsets.map(({ partition, low, high }) => ({
      partition,
      low: BigInt(low),
      high: BigInt(high),
    }));
    return { clusterId, topicId: null, partitions };
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    if (!admin) return;
    const disconnected = admin.then((connected) => connected.disconnect());
    await settlesWithin(disconnected, closeWithinMs);
  }

  #connected(): Promise<KafkajsAdmin> {
    this.#admin ??= this.#connect();
    return this.#admin;
  }

  async #connect(): Promise<KafkajsAdmin> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      this.#admin = undefined;
      throw error;
    }
  }
}
