import type { Fetched, KafkaMessage, Offsets } from './kafka-client.js';

interface Held {
  readonly next: bigint;
  readonly messages: readonly KafkaMessage[];
  index: number;
}

/** Messages that were read and not handed on yet: of a partition at most what was fetched of it at once. */
export class HeldMessages {
  readonly #held = new Map<number, Held>();
  readonly #offsets: Map<number, bigint>;

  constructor(offsets: Offsets) {
    this.#offsets = new Map(offsets);
  }

  /** What comes next, of what has been handed on. */
  get offsets(): Offsets {
    return this.#offsets;
  }

  /** What comes next, of what has been read. */
  get read(): Offsets {
    return new Map(
      [...this.#offsets].map(([partition, offset]) => [partition, this.#held.get(partition)?.next ?? offset]),
    );
  }

  /** From where to read on, where nothing is held and nothing is in the way. */
  wanted(limits: Offsets | undefined): Offsets {
    return new Map(
      [...this.#offsets].filter(
        ([partition, offset]) => !this.#held.has(partition) && isBefore(offset, limitOf(partition, limits)),
      ),
    );
  }

  begin(partition: number, offset: bigint): void {
    if (!this.#offsets.has(partition)) this.#offsets.set(partition, offset);
  }

  hold({ partition, next, messages }: Fetched): void {
    this.#held.set(partition, { next, messages, index: 0 });
  }

  /** The next message before the limits. What is no message is passed by. */
  shift(limits: Offsets | undefined): KafkaMessage | undefined {
    for (const [partition, held] of this.#held) {
      const limit = limitOf(partition, limits);
      const message = held.messages[held.index];
      if (message && isBefore(message.offset, limit)) {
        held.index++;
        return message;
      }
      const end = message?.offset ?? held.next;
      this.#advance(partition, limit !== undefined && limit < end ? limit : end);
      if (!message && this.#offsets.get(partition) === held.next) this.#held.delete(partition);
    }
    return undefined;
  }

  handedOn({ partition, offset }: KafkaMessage): void {
    this.#advance(partition, offset + 1n);
  }

  #advance(partition: number, offset: bigint): void {
    if ((this.#offsets.get(partition) ?? 0n) < offset) this.#offsets.set(partition, offset);
  }
}

/** A partition that was not there yet when the limits were set has to wait. */
function limitOf(partition: number, limits: Offsets | undefined): bigint | undefined {
  return limits && (limits.get(partition) ?? 0n);
}

function isBefore(offset: bigint, limit: bigint | undefined): boolean {
  return limit === undefined || offset < limit;
}
