import type { KafkaClient } from './kafka-client.js';
import { PatientReader } from './patient-reader.js';
import type { Patience } from './patience.js';

/** Readers of one session. It costs a client seconds to join its group, so a reader is used again. */
export class ReaderPool {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #patience: Omit<Patience, 'signal'>;
  readonly #readers: PatientReader[] = [];
  readonly #idle: PatientReader[] = [];

  constructor(client: KafkaClient, topic: string, patience: Omit<Patience, 'signal'>) {
    this.#client = client;
    this.#topic = topic;
    this.#patience = patience;
    this.#idle.push(this.#opened());
  }

  /** For asking, which anybody may do at any time. */
  get any(): PatientReader {
    return this.#readers[0] ?? this.#opened();
  }

  /** For reading: nobody else has it until it is given back. */
  take(): PatientReader {
    return this.#idle.shift() ?? this.#opened();
  }

  giveBack(reader: PatientReader): void {
    this.#idle.push(reader);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#readers.map((reader) => reader.close()));
  }

  #opened(): PatientReader {
    const reader = new PatientReader(this.#client.open(this.#topic), this.#topic, this.#patience);
    this.#readers.push(reader);
    return reader;
  }
}
