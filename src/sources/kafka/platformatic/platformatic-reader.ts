import { settlesWithin, unlessAborted } from '../../../settling.js';
import type { Fetched, KafkaReader, Offsets, TopicState } from '../kafka-client.js';
import { fetchedOf } from './fetched-batches.js';
import type { PlatformaticConsumer } from './platformatic-consumer.js';

const waitMs = 500;
const maxBytes = 10 * 1024 * 1024;
const maxBytesPerPartition = 1024 * 1024;
const closeWithinMs = 3_000;
const [earliest, latest] = [-2n, -1n];
const anyEpoch = -1;
/** What is committed: the consumer may be set to something else. */
const isolationLevel = 1;

/** Fetches from the leaders of the partitions, each over a connection of its own. */
export class PlatformaticReader implements KafkaReader {
  readonly #makeConsumer: () => PlatformaticConsumer;
  readonly #topic: string;
  /** One to ask, one to fetch: a connection answers one request after the other, and a fetch waits. */
  #asking: PlatformaticConsumer | undefined;
  #fetching: PlatformaticConsumer | undefined;
  #isStale = false;
  readonly #slots = new Map<number, Fetched>();
  readonly #underWay = new Map<number, Promise<void>>();

  constructor(makeConsumer: () => PlatformaticConsumer, topic: string) {
    this.#makeConsumer = makeConsumer;
    this.#topic = topic;
  }

  async topic(): Promise<TopicState> {
    this.#asking ??= this.#makeConsumer();
    const topics = [this.#topic];
    const metadata = await this.#asking.metadata({ topics: [...topics], forceUpdate: true });
    const high = await this.#asking.listOffsets({ topics: [...topics], timestamp: latest, isolationLevel });
    const low = await this.#asking.listOffsets({ topics: [...topics], timestamp: earliest, isolationLevel });
    const ends = high.get(this.#topic) ?? [];
    const partitions = (low.get(this.#topic) ?? []).map((offset, partition) => ({
      partition,
      low: offset,
      high: ends[partition] ?? offset,
    }));
    return { clusterId: metadata.id, topicId: metadata.topics.get(this.#topic)?.id ?? null, partitions };
  }

  async fetch(from: Offsets, signal: AbortSignal): Promise<readonly Fetched[]> {
    this.#fetching ??= this.#makeConsumer();
    const consumer = this.#fetching;
    const there = this.#take(from);
    if (there.length > 0) return there;
    try {
      const metadata = await consumer.metadata({ topics: [this.#topic], forceUpdate: this.#isStale });
      this.#isStale = false;
      const topic = metadata.topics.get(this.#topic);
      for (const [node, offsets] of byLeader(from, topic?.partitions ?? [])) {
        if (this.#underWay.has(node)) continue;
        const work = this.#fetch(consumer, node, topic?.id ?? '', offsets);
        this.#underWay.set(node, work);
        const isOver = () => this.#underWay.delete(node);
        work.then(isOver, isOver);
      }
      await unlessAborted(Promise.race(this.#underWay.values()), signal);
    } catch (error) {
      if (signal.aborted) return [];
      this.#isStale = true;
      throw error;
    }
    return this.#take(from);
  }

  async close(): Promise<void> {
    const open = [this.#asking, this.#fetching].filter((consumer) => consumer !== undefined);
    await settlesWithin(Promise.all(open.map((consumer) => consumer.close())), closeWithinMs);
  }

  async #fetch(consumer: PlatformaticConsumer, node: number, topicId: string, from: Offsets): Promise<void> {
    const partitions = [...from].map(([partition, fetchOffset]) => ({
      partition,
      fetchOffset,
      partitionMaxBytes: maxBytesPerPartition,
      currentLeaderEpoch: anyEpoch,
      lastFetchedEpoch: anyEpoch,
    }));
    const { responses } = await consumer.fetch({
      node,
      topics: [{ topicId, partitions }],
      minBytes: 1,
      maxBytes,
      maxWaitTime: waitMs,
      isolationLevel,
    });
    for (const given of responses.flatMap((response) => response.partitions)) {
      const offset = from.get(given.partitionIndex);
      const fetched = offset === undefined ? undefined : fetchedOf(this.#topic, offset, given);
      if (fetched) this.#slots.set(fetched.partition, fetched);
    }
  }

  #take(from: Offsets): Fetched[] {
    const taken: Fetched[] = [];
    for (const [partition, offset] of from) {
      const slot = this.#slots.get(partition);
      this.#slots.delete(partition);
      if (slot?.from === offset) taken.push(slot);
    }
    return taken;
  }
}

function byLeader(
  from: Offsets,
  partitions: readonly { leader: number }[],
): Map<number, Map<number, bigint>> {
  const byNode = new Map<number, Map<number, bigint>>();
  for (const [partition, offset] of from) {
    const leader = partitions[partition]?.leader;
    if (leader === undefined || leader < 0) throw new Error(`partition ${partition} has no leader`);
    const offsets = byNode.get(leader) ?? new Map<number, bigint>();
    byNode.set(leader, offsets.set(partition, offset));
  }
  return byNode;
}
