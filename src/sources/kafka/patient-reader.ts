import { setTimeout as sleep } from 'node:timers/promises';
import type { Fetched, KafkaReader, Offsets, TopicState } from './kafka-client.js';
import { kafkaError, sourceError } from './kafka-error.js';
import { type Patience, patiently } from './patience.js';
import { type Finding, whyOutOfReach } from './topic-check.js';

/** A leader that has just been elected may not know yet how far the topic goes. */
const secondLookAfterMs = 500;

/** A reader that bears with a cluster that is away for a while, and tells why it cannot be read from where it should. */
export class PatientReader {
  readonly #reader: KafkaReader;
  readonly #topic: string;
  readonly #patience: Omit<Patience, 'signal'>;

  constructor(reader: KafkaReader, topic: string, patience: Omit<Patience, 'signal'>) {
    this.#reader = reader;
    this.#topic = topic;
    this.#patience = patience;
  }

  /** @throws PrefetchError `ERR_PREFETCH_SOURCE` */
  topic(signal: AbortSignal): Promise<TopicState> {
    const ask = () => this.#reader.topic();
    return patiently(`asking for the topic ${this.#topic}`, ask, { ...this.#patience, signal });
  }

  /** @throws PrefetchError `ERR_PREFETCH_SOURCE`, also when these offsets are not there to be read */
  fetch(from: Offsets, signal: AbortSignal): Promise<readonly Fetched[]> {
    const fetch = async () => {
      try {
        return await this.#reader.fetch(from, signal);
      } catch (error) {
        signal.throwIfAborted();
        const finding = await this.finding(signal, (state) =>
          whyOutOfReach(this.#topic, known(from, state), state),
        );
        throw finding ? sourceError(finding.detail) : error;
      }
    };
    return patiently(`reading the topic ${this.#topic}`, fetch, { ...this.#patience, signal });
  }

  /** What is wrong, unless it is not wrong any more a little later. */
  async finding(
    signal: AbortSignal,
    look: (state: TopicState) => Finding | undefined,
    state?: TopicState,
  ): Promise<Finding | undefined> {
    const first = look(state ?? (await this.topic(signal)));
    if (first?.reload !== 'source-changed') return first;
    await sleep(secondLookAfterMs, undefined, { signal });
    return look(await this.topic(signal));
  }

  close(): Promise<void> {
    return this.#reader.close().catch((error: unknown) => {
      throw kafkaError('closing', error);
    });
  }
}

/** The other partitions are not asked about. */
function known(from: Offsets, { partitions }: TopicState): Offsets {
  const others = partitions.filter(({ partition }) => !from.has(partition));
  return new Map([...from, ...others.map(({ partition, low }) => [partition, low] as const)]);
}
