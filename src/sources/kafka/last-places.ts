import type { Change } from '../../sync/source.js';
import type { KafkaMessage } from './kafka-client.js';

interface Place {
  readonly partition: number;
  /** Of the message that holds the whole record; those up to the last one only changed some fields of it. */
  readonly first: bigint;
  readonly last: bigint;
}

/** What a message is for the record that it tells of: nothing any more, a part of it, or what makes it whole. */
export type Use = 'none' | 'part' | 'whole';

/** Where in a topic the last message of each record is, and of each key the last one that makes no sense. */
export class LastPlaces {
  readonly #places = new Map<string, Place>();
  readonly #senseless = new Map<string, string>();

  note(message: KafkaMessage, change: Change<unknown>): void {
    const { partition, offset } = message;
    const key = keyOf(message);
    if (change.op === 'invalid') {
      this.#senseless.set(key, placeOf(message));
      return;
    }
    this.#senseless.delete(key);
    if (change.op === 'truncate') this.#places.clear();
    if (change.op === 'delete') this.#places.delete(change.id);
    if (change.op !== 'upsert') return;
    const known = this.#places.get(change.id);
    const first = change.partial && known?.partition === partition ? known.first : offset;
    this.#places.set(change.id, { partition, first, last: offset });
  }

  useOf(id: string, { partition, offset }: KafkaMessage): Use {
    const place = this.#places.get(id);
    if (place?.partition !== partition || offset < place.first || offset > place.last) return 'none';
    return offset === place.last ? 'whole' : 'part';
  }

  /** It is given. */
  done(id: string): void {
    this.#places.delete(id);
  }

  isLastOfKey(message: KafkaMessage): boolean {
    return this.#senseless.get(keyOf(message)) === placeOf(message);
  }
}

/** A message without a key is on its own. */
function keyOf(message: KafkaMessage): string {
  return message.key ? message.key.toString('latin1') : `\n${placeOf(message)}`;
}

function placeOf({ partition, offset }: KafkaMessage): string {
  return `${partition}:${offset}`;
}
