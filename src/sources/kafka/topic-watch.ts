import type { Fetched, Offsets, TopicState } from './kafka-client.js';
import { sourceError } from './kafka-error.js';
import type { ResolvedOptions } from './options.js';
import type { PatientReader } from './patient-reader.js';
import { type Position, hasReached, positionIn } from './position.js';
import { type Finding, whyNotAfter } from './topic-check.js';

/** Looks now and then whether the topic is still the one that is read, how far it goes, and whether it has grown. */
export class TopicWatch {
  readonly #reader: PatientReader;
  readonly #options: Pick<ResolvedOptions<unknown>, 'topicCheckMs' | 'reconnectWithinMs'>;
  #position: Position;
  #lookedAt = -Infinity;
  /** Where the topic ended at a time, until that has been reached. */
  #end: { readonly atMs: number; readonly offsets: Offsets } | undefined;
  /** Since when nothing has come of a partition that was asked for. */
  readonly #silentSince = new Map<number, number>();

  constructor(
    reader: PatientReader,
    options: Pick<ResolvedOptions<unknown>, 'topicCheckMs' | 'reconnectWithinMs'>,
    position: Position,
  ) {
    this.#reader = reader;
    this.#options = options;
    this.#position = position;
  }

  get asOfMs(): number {
    return this.#position.asOfMs;
  }

  position(offsets: Offsets): Position {
    return { ...this.#position, offsets };
  }

  /**
   * Returns partitions that are new.
   *
   * @throws PrefetchError `ERR_PREFETCH_SOURCE` when the topic cannot be followed any further
   */
  async look(read: Offsets, signal: AbortSignal): Promise<readonly number[]> {
    if (performance.now() - this.#lookedAt < this.#options.topicCheckMs) return [];
    const atMs = Date.now();
    const state = await this.#reader.topic(signal);
    this.#lookedAt = performance.now();
    const why = (now: TopicState): Finding | undefined => whyNotAfter(this.position(read), now);
    const finding = await this.#reader.finding(signal, why, state);
    if (finding) throw sourceError(finding.detail);
    this.#checkSilence(read, state);
    const { topic, offsets, asOfMs } = this.#position;
    this.#position = positionIn(topic, state, offsets, asOfMs);
    this.#end ??= { atMs, offsets: endOf(state) };
    return state.partitions.map(({ partition }) => partition).filter((partition) => !read.has(partition));
  }

  /** Everything before these offsets has been handed on. */
  passed(offsets: Offsets): void {
    if (!this.#end || !hasReached(offsets, this.#end.offsets)) return;
    this.#position = { ...this.#position, asOfMs: Math.max(this.asOfMs, this.#end.atMs) };
    this.#end = undefined;
  }

  heard(wanted: Offsets, fetched: readonly Fetched[]): void {
    const now = performance.now();
    for (const partition of wanted.keys()) {
      if (!this.#silentSince.has(partition)) this.#silentSince.set(partition, now);
    }
    for (const { partition } of fetched) this.#silentSince.delete(partition);
  }

  forgetSilence(): void {
    this.#silentSince.clear();
  }

  #checkSilence(read: Offsets, { partitions }: TopicState): void {
    const { reconnectWithinMs } = this.#options;
    for (const { partition, high } of partitions) {
      const since = this.#silentSince.get(partition);
      if (since === undefined || (read.get(partition) ?? 0n) >= high) continue;
      if (performance.now() - since < reconnectWithinMs) continue;
      throw sourceError(
        `Kafka: nothing has come of partition ${partition} of the topic ${this.#position.topic} for ${reconnectWithinMs} ms, though there is more.`,
      );
    }
  }
}

export function endOf({ partitions }: TopicState): Offsets {
  return new Map(partitions.map(({ partition, high }) => [partition, high]));
}

export function beginningOf({ partitions }: TopicState): Offsets {
  return new Map(partitions.map(({ partition, low }) => [partition, low]));
}
