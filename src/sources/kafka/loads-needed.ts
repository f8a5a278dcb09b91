import type { PrefetchError } from '../../errors.js';
import type { KafkaMessage, Offsets } from './kafka-client.js';
import { sourceError } from './kafka-error.js';

/** Where in a topic only a load helps, for all sessions of a source: the next one must not go on from before. */
export class LoadsNeeded {
  readonly #notes = new Map<number, { readonly offset: bigint; readonly why: string }>();

  /** Returns the error that ends whoever has come to this message. */
  note({ topic, partition, offset }: KafkaMessage, reason: string): PrefetchError {
    const why = `${reason} That is the message ${offset} in partition ${partition} of the topic ${topic}.`;
    this.#notes.set(partition, { offset, why });
    return sourceError(`Changes are missing in the topic ${topic}. ${why}`);
  }

  /** Why nobody can go on from there; undefined when that is possible. */
  after(offsets: Offsets): string | undefined {
    for (const [partition, { offset, why }] of this.#notes) {
      if ((offsets.get(partition) ?? 0n) <= offset) return why;
      this.#notes.delete(partition);
    }
    return undefined;
  }

  /** It is another topic. */
  clear(): void {
    this.#notes.clear();
  }
}
