import type { Fetched, KafkaMessage, Offsets } from '../kafka-client.js';

export interface Arrival {
  readonly partition: number;
  /** From where it was fetched. */
  readonly from: bigint;
  readonly next: bigint;
  readonly messages: readonly KafkaMessage[];
}

/** What to do with what has arrived: nothing, read it again later from where it belongs, or it is not what was asked. */
export type Reception = 'kept' | 'full' | 'stale' | 'jumped' | 'unwanted';

/** Of each partition what was fetched last, until it is asked for, and where the next is to begin. */
export class PartitionSlots {
  readonly #expected: Map<number, bigint>;
  readonly #slots = new Map<number, Fetched>();

  constructor(expected: Offsets) {
    this.#expected = new Map(expected);
  }

  /** From where each partition is to be read on. */
  get expected(): Offsets {
    return this.#expected;
  }

  isFull(partition: number): boolean {
    return this.#slots.has(partition);
  }

  receive({ partition, from, next, messages }: Arrival): Reception {
    const expected = this.#expected.get(partition);
    if (expected === undefined) return 'unwanted';
    if (from > expected) return 'jumped';
    if (this.#slots.has(partition)) return 'full';
    if (next <= expected) return 'stale';
    const fresh = messages.filter(({ offset }) => offset >= expected);
    this.#slots.set(partition, { partition, from: expected, next, messages: fresh });
    this.#expected.set(partition, next);
    return 'kept';
  }

  /** Gives what is there from exactly these offsets on. */
  take(from: Offsets): Fetched[] {
    const taken: Fetched[] = [];
    for (const [partition, offset] of from) {
      const slot = this.#slots.get(partition);
      if (slot?.from !== offset) continue;
      this.#slots.delete(partition);
      taken.push(slot);
    }
    return taken;
  }

  /** Returns the partitions that have to be read from elsewhere for this. */
  expect(from: Offsets): number[] {
    const moved: number[] = [];
    for (const [partition, offset] of from) {
      const slot = this.#slots.get(partition);
      if (slot?.from === offset || (!slot && this.#expected.get(partition) === offset)) continue;
      this.#slots.delete(partition);
      this.#expected.set(partition, offset);
      moved.push(partition);
    }
    return moved;
  }
}
