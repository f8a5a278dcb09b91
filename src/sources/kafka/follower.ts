import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, ChangeBatch, ChangesOptions } from '../../sync/source.js';
import type { Barriers } from './barriers.js';
import { HeldMessages } from './held-messages.js';
import { sourceError } from './kafka-error.js';
import type { LoadsNeeded } from './loads-needed.js';
import type { ResolvedOptions } from './options.js';
import { PartitionDecoders } from './partition-decoders.js';
import type { PatientReader } from './patient-reader.js';
import { type Position, formatPosition } from './position.js';
import { TopicWatch } from './topic-watch.js';

const nothingToReadMs = 20;

export interface FollowerParts {
  readonly reader: PatientReader;
  readonly barriers: Barriers;
  readonly loadsNeeded: LoadsNeeded;
}

/** Hands on what comes after a position, and is never ahead in one partition of a barrier that others have to reach. */
export class Follower<R> {
  readonly #reader: PatientReader;
  readonly #barriers: Barriers;
  readonly #options: ResolvedOptions<R>;
  readonly #loadsNeeded: LoadsNeeded;
  readonly #decoders: PartitionDecoders<R>;
  readonly #held: HeldMessages;
  readonly #watch: TopicWatch;
  #said: string;
  #saidAsOfMs: number;

  constructor({ reader, barriers, loadsNeeded }: FollowerParts, options: ResolvedOptions<R>, from: Position) {
    this.#reader = reader;
    this.#barriers = barriers;
    this.#loadsNeeded = loadsNeeded;
    this.#options = options;
    this.#decoders = new PartitionDecoders(options);
    this.#held = new HeldMessages(from.offsets);
    this.#watch = new TopicWatch(reader, options, from);
    this.#said = sumUp(from.offsets);
    this.#saidAsOfMs = from.asOfMs;
  }

  async *batches({ signal, maxBatch }: ChangesOptions): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    await this.#decoders.remember(this.#reader, this.#held.offsets, signal);
    for (;;) {
      signal.throwIfAborted();
      for (const partition of await this.#watch.look(this.#held.read, signal))
        this.#held.begin(partition, 0n);
      await this.#read(signal);
      for (const batch of this.#ready(maxBatch)) {
        yield batch;
        if (signal.aborted) return;
        this.#watch.forgetSilence();
      }
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const wanted = this.#held.wanted(this.#barriers.after(this.#held.offsets));
    if (wanted.size === 0) {
      await sleep(nothingToReadMs, undefined, { signal });
      return;
    }
    const fetched = await this.#reader.fetch(wanted, signal);
    for (const each of fetched) {
      if (each.from !== wanted.get(each.partition)) {
        throw sourceError(
          `Kafka: the client read partition ${each.partition} from elsewhere than it was asked to.`,
        );
      }
      this.#held.hold(each);
    }
    this.#watch.heard(wanted, fetched);
  }

  *#ready(maxBatch: number): Generator<ChangeBatch<R>, void, undefined> {
    let changes: Change<R>[] = [];
    const batch = (complete: boolean): ChangeBatch<R> => {
      const given = { changes, position: this.#positionNow(), complete };
      changes = [];
      return given;
    };
    for (;;) {
      // Barriers may be set while somebody has a batch, so nothing is taken up before.
      if (changes.length === maxBatch) yield batch(true);
      const barrier = this.#barriers.after(this.#held.offsets);
      const message = this.#held.shift(barrier);
      const reading = message && this.#decoders.read(message);
      if (reading?.warning) this.#options.onWarning(reading.warning);
      if (message && reading?.loadNeeded !== undefined) {
        if (changes.length > 0 || this.#hasMoved) yield batch(true);
        throw this.#loadsNeeded.note(message, reading.loadNeeded);
      }
      for (const change of reading?.changes ?? []) {
        if (message && changes.length === maxBatch) {
          this.#barriers.begun(message);
          yield batch(false);
        }
        changes.push(change);
      }
      if (message) this.#held.handedOn(message);
      const isReached = this.#barriers.after(this.#held.offsets) !== barrier;
      // What is before a barrier and what is after it are never in one batch.
      if (isReached && (changes.length > 0 || this.#hasMoved)) yield batch(true);
      if (!message && !isReached) break;
    }
    this.#watch.passed(this.#held.offsets);
    if (changes.length > 0 || this.#hasMoved || this.#isOld) yield batch(true);
  }

  get #hasMoved(): boolean {
    return sumUp(this.#held.offsets) !== this.#said;
  }

  get #isOld(): boolean {
    return this.#watch.asOfMs - this.#saidAsOfMs >= this.#options.heartbeatMs;
  }

  #positionNow(): string {
    const { offsets } = this.#held;
    this.#barriers.handedOn(offsets);
    this.#watch.passed(offsets);
    this.#said = sumUp(offsets);
    this.#saidAsOfMs = this.#watch.asOfMs;
    return formatPosition(this.#watch.position(offsets));
  }
}

function sumUp(offsets: ReadonlyMap<number, bigint>): string {
  return [...offsets].join(';');
}
