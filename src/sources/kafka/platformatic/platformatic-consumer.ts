/** The part of a Consumer of @platformatic/kafka that is needed; its types fit, of versions 1 and 2. */
export interface PlatformaticConsumer {
  metadata(options: { topics: string[]; forceUpdate?: boolean }): Promise<{
    id: string;
    topics: ReadonlyMap<string, { id: string; partitions: { leader: number }[] }>;
  }>;
  listOffsets(options: {
    topics: string[];
    timestamp: bigint;
    isolationLevel: number;
  }): Promise<ReadonlyMap<string, bigint[]>>;
  fetch(options: PlatformaticFetch): Promise<{ responses: { partitions: PlatformaticPartition[] }[] }>;
  close(): Promise<void>;
}

export interface PlatformaticFetch {
  node: number;
  topics: {
    topicId: string;
    partitions: {
      partition: number;
      fetchOffset: bigint;
      partitionMaxBytes: number;
      currentLeaderEpoch: number;
      lastFetchedEpoch: number;
    }[];
  }[];
  minBytes: number;
  maxBytes: number;
  maxWaitTime: number;
  isolationLevel: number;
}

export interface PlatformaticPartition {
  partitionIndex: number;
  abortedTransactions: { producerId: bigint; firstOffset: bigint }[] | null;
  records?: PlatformaticBatch[] | null;
}

export interface PlatformaticBatch {
  firstOffset: bigint;
  lastOffsetDelta: number;
  attributes: number;
  firstTimestamp: bigint;
  maxTimestamp: bigint;
  producerId: bigint;
  records: {
    offsetDelta: number;
    timestampDelta: bigint;
    key: Buffer | null;
    value: Buffer | null;
    headers: [Buffer | null, Buffer | null][];
  }[];
}
