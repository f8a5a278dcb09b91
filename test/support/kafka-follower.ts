import type { Change, ChangeBatch, SourceSession } from '../../src/index.js';
import type { KafkaRecord } from './kafka-topic.js';

/** Follows a session in the background, and keeps what came. */
export class KafkaFollower {
  readonly batches: ChangeBatch<KafkaRecord>[] = [];
  readonly #stopping = new AbortController();
  readonly #reading: Promise<unknown>;
  #isOver = false;

  constructor(session: SourceSession<KafkaRecord>, after: string, maxBatch = 100) {
    this.#reading = this.#read(session, after, maxBatch)
      .catch((error: unknown) => error)
      .finally(() => (this.#isOver = true));
  }

  /** What it failed with, once it did. */
  get failure(): Promise<unknown> {
    return this.#reading;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get changes(): Change<KafkaRecord>[] {
    return this.batches.flatMap(({ changes }) => changes);
  }

  /** `id=version` of each record that came, `id` of each that went. */
  get told(): string[] {
    return this.changes.map((change) => {
      if (change.op === 'upsert') return `${change.id}=${change.record.version ?? ''}`;
      return change.op === 'delete' ? change.id : change.op;
    });
  }

  get position(): string {
    return this.batches.at(-1)?.position ?? '';
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
  }

  async #read(session: SourceSession<KafkaRecord>, after: string, maxBatch: number): Promise<void> {
    const { signal } = this.#stopping;
    for await (const batch of session.changes(after, { signal, maxBatch })) this.batches.push(batch);
  }
}
