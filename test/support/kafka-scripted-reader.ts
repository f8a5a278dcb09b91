import type {
  Fetched,
  KafkaClient,
  KafkaMessage,
  KafkaReader,
  Offsets,
  PartitionState,
} from '../../src/sources/kafka/index.js';

/** A topic in memory whose reader does what the test says, one fetch at a time. */
export class ScriptedKafka implements KafkaClient {
  clusterId: string | null = 'scripted';
  topicId: string | null = null;
  partitions: PartitionState[] = [];
  /** How long it takes to tell of the topic. */
  answering: () => Promise<void> = () => Promise.resolve();
  /** What the next fetches give, or fail with. */
  readonly fetches: ((from: Offsets) => readonly Fetched[])[] = [];
  /** From where was read. */
  readonly asked: string[] = [];

  open(): KafkaReader {
    return {
      topic: async () => {
        const { clusterId, topicId, partitions } = this;
        await this.answering();
        return { clusterId, topicId, partitions };
      },
      fetch: async (from) => {
        this.asked.push([...from].map(([partition, offset]) => `${partition}:${offset}`).join(','));
        await new Promise((resolve) => setTimeout(resolve, 2));
        return this.fetches.shift()?.(from) ?? [];
      },
      close: () => Promise.resolve(),
    };
  }

  ends(...highs: number[]): void {
    this.partitions = highs.map((high, partition) => ({ partition, low: 0n, high: BigInt(high) }));
  }
}

/** Messages of one partition, `key=version` each, with the offsets that are given. */
export function fetched(
  partition: number,
  from: number,
  next: number,
  messages: Record<number, string>,
  timestampMs = 1,
): Fetched {
  const given = Object.entries(messages).map(([offset, text]): KafkaMessage => {
    const [id = '', version] = text.split('=');
    const value = version === undefined ? null : Buffer.from(JSON.stringify({ id, version }));
    const place = { topic: 'records', partition, offset: BigInt(offset), timestampMs };
    return { ...place, key: Buffer.from(id), value, headers: new Map() };
  });
  return { partition, from: BigInt(from), next: BigInt(next), messages: given };
}
