import type { SourceSession } from '../../src/index.js';
import { type KafkaClient, type KafkaSourceOptions, KafkaSource } from '../../src/sources/kafka/index.js';
import { KafkaFollower } from './kafka-follower.js';
import { KafkaLogBroker } from './kafka-log-broker.js';
import type { KafkaLog, Message } from './kafka-log.js';

export interface KafkaRecord extends Record<string, unknown> {
  id: string;
  version: string;
}

export function upsert(id: string, version: number | string): Message {
  return [id, JSON.stringify({ id, version: String(version) })];
}

/** A topic on a broker of its own, and the sessions that a test opens for it. */
export class KafkaTopic {
  readonly name = 'records';
  readonly broker: KafkaLogBroker;
  readonly client: KafkaClient;
  readonly warnings: string[] = [];
  readonly #sessions: SourceSession<KafkaRecord>[] = [];
  readonly #followers: KafkaFollower[] = [];

  private constructor(broker: KafkaLogBroker, client: KafkaClient) {
    this.broker = broker;
    this.client = client;
  }

  static async create(
    connect: (address: string) => Promise<KafkaClient>,
    partitions = 1,
  ): Promise<KafkaTopic> {
    const broker = await KafkaLogBroker.start();
    const topic = new KafkaTopic(broker, await connect(broker.address));
    broker.create(topic.name, partitions);
    return topic;
  }

  log(partition = 0): KafkaLog {
    return this.broker.log(this.name, partition);
  }

  write(id: string, version: number | string): void {
    this.broker.produce(this.name, ...(upsert(id, version) as [string, string]));
  }

  async open(options: Partial<KafkaSourceOptions<KafkaRecord>> = {}): Promise<SourceSession<KafkaRecord>> {
    const source = new KafkaSource<KafkaRecord>({
      client: this.client,
      topic: this.name,
      topicCheckMs: 50,
      onWarning: ({ message }) => this.warnings.push(message),
      ...options,
    });
    const session = await source.open(new AbortController().signal);
    this.#sessions.push(session);
    return session;
  }

  follow(session: SourceSession<KafkaRecord>, after: string, maxBatch?: number): KafkaFollower {
    const follower = new KafkaFollower(session, after, maxBatch);
    this.#followers.push(follower);
    return follower;
  }

  async close(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
    await Promise.all(this.#sessions.map((session) => session.close()));
    await this.broker.shutDown();
  }
}

/** `id=version` of all records, sorted, and the position. */
export async function loaded(
  session: SourceSession<KafkaRecord>,
): Promise<{ records: string[]; position: string }> {
  const snapshot = await session.snapshot(new AbortController().signal);
  const records: string[] = [];
  for await (const page of snapshot.records)
    records.push(...page.map(({ id, version }) => `${id}=${version}`));
  await snapshot.close();
  return { records: records.sort(), position: snapshot.position };
}
