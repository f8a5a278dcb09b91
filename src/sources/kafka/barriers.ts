import type { KafkaMessage, Offsets } from './kafka-client.js';
import { hasReached } from './position.js';

/**
 * Positions that everybody who follows must come to exactly: nothing is handed on from beyond one in any partition
 * before all partitions have come to it. So the positions of snapshots and those of batches lie on one chain.
 */
export class Barriers {
  /** Each reaches as far as the one before it in every partition. */
  #barriers: Offsets[] = [];
  readonly #furthest = new Map<number, bigint>();

  /** Sets one at these offsets, or further on where somebody is there already, and gives where it is. */
  set(offsets: Offsets): Offsets {
    const barrier = new Map(offsets);
    for (const earlier of [this.#furthest, this.#barriers.at(-1) ?? new Map<number, bigint>()]) {
      for (const [partition, offset] of earlier) {
        if ((barrier.get(partition) ?? 0n) < offset) barrier.set(partition, offset);
      }
    }
    const last = this.#barriers.at(-1);
    if (!last || !hasReached(last, barrier)) this.#barriers.push(barrier);
    return barrier;
  }

  /** Up to where somebody who stands there may read; undefined when nothing is in the way. */
  after(offsets: Offsets): Offsets | undefined {
    return this.#barriers.find((barrier) => !hasReached(offsets, barrier));
  }

  handedOn(offsets: Offsets): void {
    for (const [partition, offset] of offsets) {
      if ((this.#furthest.get(partition) ?? -1n) < offset) this.#furthest.set(partition, offset);
    }
  }

  /** Of a message that is handed on in parts the rest must not come from beyond a barrier. */
  begun({ partition, offset }: Pick<KafkaMessage, 'partition' | 'offset'>): void {
    this.handedOn(new Map([[partition, offset + 1n]]));
  }

  /** Nobody will read from before these offsets again. */
  forget(offsets: Offsets): void {
    this.#barriers = this.#barriers.filter((barrier) => !hasReached(offsets, barrier));
  }
}
