/** The part of kafkajs that is needed; its types fit. */
export interface Kafkajs {
  admin(): KafkajsAdmin;
  consumer(config: KafkajsConsumerConfig): KafkajsConsumer;
}

export interface KafkajsConsumerConfig {
  groupId: string;
  maxWaitTimeInMs: number;
  metadataMaxAge: number;
  allowAutoTopicCreation: boolean;
  readUncommitted: boolean;
  retry: { restartOnFailure: (error: Error) => Promise<boolean> };
}

export interface KafkajsAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  describeCluster(): Promise<{ clusterId: string }>;
  fetchTopicMetadata(options: { topics: string[] }): Promise<{ topics: { partitions: unknown[] }[] }>;
  fetchTopicOffsets(topic: string): Promise<{ partition: number; high: string; low: string }[]>;
}

export interface KafkajsConsumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(subscription: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(config: {
    autoCommit: boolean;
    partitionsConsumedConcurrently: number;
    eachBatch: (payload: { batch: KafkajsBatch; isStale(): boolean }) => Promise<void>;
  }): Promise<void>;
  seek(at: { topic: string; partition: number; offset: string }): void;
  pause(topics: { topic: string; partitions: number[] }[]): void;
  resume(topics: { topic: string; partitions: number[] }[]): void;
  on(event: 'consumer.group_join', listener: () => void): () => void;
  on(
    event: 'consumer.end_batch_process',
    listener: (event: { payload: KafkajsBatchEnd }) => void,
  ): () => void;
  on(
    event: 'consumer.network.request',
    listener: (event: { payload: { apiName: string } }) => void,
  ): () => void;
  on(event: 'consumer.crash', listener: (event: { payload: { error: Error } }) => void): () => void;
}

export interface KafkajsBatch {
  topic: string;
  partition: number;
  messages: KafkajsMessage[];
  lastOffset(): string;
  /** Not in the types of kafkajs, but in all its versions 2; the messages are all that came, marks among them. */
  fetchedOffset?: string;
  rawMessages?: KafkajsMessage[];
}

export interface KafkajsBatchEnd {
  topic: string;
  partition: number;
  batchSize: number;
  lastOffset: string;
}

export interface KafkajsMessage {
  key: Buffer | null;
  value: Buffer | null;
  timestamp: string;
  offset: string;
  headers?: Record<string, KafkajsHeader | KafkajsHeader[] | undefined>;
  /** These are not in the types of kafkajs either. */
  isControlRecord?: boolean;
  batchContext?: { producerId: string; inTransaction: boolean };
}

type KafkajsHeader = Buffer | string;
