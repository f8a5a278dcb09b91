import type { Change } from '../../sync/source.js';
import type { KafkaMessage } from './kafka-client.js';

export interface Place {
  readonly partition: number;
  /** Of the message that holds the whole record; those up to the last one only changed some fields of it. */
  readonly first: bigint;
  readonly last: bigint;
  readonly timestampMs: number;
  readonly isGone: boolean;
}

/** What a message is for the record that it tells of: nothing any more, a part of it, or what makes it whole. */
export type Use = 'none' | 'part' | 'whole';

/** Where in a topic the last message of each record is, and of each key the last one that makes no sense. */
export class LastPlaces {
  readonly #places = new Map<string, Place>();
  readonly #senseless = new Map<string, string>();

  note(message: KafkaMessage, change: Change<unknown>): void {
    const key = keyOf(message);
    if (key !== undefined && change.op === 'invalid') this.#senseless.set(key, placeOf(message));
    if (change.op === 'invalid') return;
    if (key !== undefined) this.#senseless.delete(key);
    if (change.op === 'truncate') this.#places.clear();
    else this.#put(message, change);
  }

  useOf(id: string, { partition, offset }: KafkaMessage): Use {
    const place = this.#places.get(id);
    if (place?.partition !== partition || place.isGone || offset < place.first) return 'none';
    return offset < place.last ? 'part' : 'whole';
  }

  /** It is given. */
  done(id: string): void {
    this.#places.delete(id);
  }

  /** The records that have not been given. */
  get left(): [id: string, place: Place][] {
    return [...this.#places].filter(([, { isGone }]) => !isGone);
  }

  /** A message without a key is on its own. */
  isLastOfKey(message: KafkaMessage): boolean {
    const key = keyOf(message);
    return key === undefined || this.#senseless.get(key) === placeOf(message);
  }

  /** Between partitions there is no order but the time of the messages. */
  #put(
    { partition, offset, timestampMs }: KafkaMessage,
    change: Extract<Change<unknown>, { id: string; op: 'upsert' | 'delete' }>,
  ): void {
    const known = this.#places.get(change.id);
    const isFurther = known?.partition === partition;
    if (known && !isFurther && timestampMs < known.timestampMs) return;
    const isGone = change.op === 'delete';
    const isPart = change.op === 'upsert' && change.partial && isFurther && !known.isGone;
    const first = isPart ? known.first : offset;
    this.#places.set(change.id, { partition, first, last: offset, timestampMs, isGone });
  }
}

function keyOf({ key }: KafkaMessage): string | undefined {
  return key?.toString('latin1');
}

function placeOf({ partition, offset }: KafkaMessage): string {
  return `${partition}:${offset}`;
}
