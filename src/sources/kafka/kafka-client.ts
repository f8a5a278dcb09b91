/** A message as it lies in a partition. */
export interface KafkaMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer | null>;
  readonly timestampMs: number;
}

/** The next offset to read, by partition. */
export type Offsets = ReadonlyMap<number, bigint>;

export interface PartitionState {
  readonly partition: number;
  /** The offset of the first message that is still there. */
  readonly low: bigint;
  /** One after the last message that may be read: of committed transactions, and of none after one that is open. */
  readonly high: bigint;
}

export interface TopicState {
  /** Null where the client does not tell. */
  readonly clusterId: string | null;
  /** Differs when a topic of the same name was made anew; null where the client does not tell. */
  readonly topicId: string | null;
  readonly partitions: readonly PartitionState[];
}

/** What was read of one partition. */
export interface Fetched {
  readonly partition: number;
  /** Where reading began, as it was asked for. */
  readonly from: bigint;
  /** Where reading goes on: after all messages, and after what is none, such as the marks of transactions. */
  readonly next: bigint;
  /** In their order, none before `from`; without those of aborted transactions. */
  readonly messages: readonly KafkaMessage[];
}

/** Reads one topic, all partitions of it, without regard to what anybody has committed. */
export interface KafkaReader {
  /** Asks the cluster, however much is being fetched. */
  topic(): Promise<TopicState>;
  /**
   * Gives what comes next after these offsets, of any of these partitions, and nothing when the cluster says that there
   * is nothing for the moment. Rejects when it cannot be read from one of these offsets: it never begins elsewhere. A
   * call begins after the one before it has ended, or its signal has aborted.
   */
  fetch(from: Offsets, signal: AbortSignal): Promise<readonly Fetched[]>;
  close(): Promise<void>;
}

/** The part of a client of Kafka that is needed. */
export interface KafkaClient {
  open(topic: string): KafkaReader;
}
