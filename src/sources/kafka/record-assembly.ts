import type { InvalidRow } from '../../sync/source.js';
import { type Decoding, changesIn, idOf } from './decode.js';
import type { KafkaMessage } from './kafka-client.js';
import { sourceError } from './kafka-error.js';
import type { LastPlaces } from './last-places.js';

/** Makes records of the messages that are in the last places. */
export class RecordAssembly<R extends object> {
  readonly #places: LastPlaces;
  readonly #decoding: Decoding<R>;
  readonly #onInvalid: ((row: InvalidRow) => void) | undefined;
  readonly #unfinished = new Map<string, Partial<R>>();

  constructor(places: LastPlaces, decoding: Decoding<R>, onInvalid?: (row: InvalidRow) => void) {
    this.#places = places;
    this.#decoding = decoding;
    this.#onInvalid = onInvalid;
  }

  recordsIn(message: KafkaMessage): R[] {
    const records: R[] = [];
    for (const change of changesIn(message, this.#decoding)) {
      if (change.op === 'invalid' && this.#places.isLastOfKey(message)) {
        this.#leaveOut({ ...change, id: change.id ?? idOf(message, this.#decoding) });
      }
      if (change.op !== 'upsert') continue;
      const use = this.#places.useOf(change.id, message);
      if (use === 'none') continue;
      const record = change.partial ? this.#merged(change.id, change.record) : change.record;
      if (use === 'whole') records.push(...this.#given(change.id, record, message));
      else if (record) this.#unfinished.set(change.id, record);
    }
    return records;
  }

  /** Of a message that took the place of the last one, which was compacted away. */
  recordsInSuccessor(message: KafkaMessage): R[] {
    const records: R[] = [];
    for (const change of changesIn(message, this.#decoding)) {
      if (change.op !== 'upsert' && change.op !== 'delete') continue;
      if (this.#places.useOf(change.id, message) === 'none') continue;
      if (change.op === 'delete') this.#places.done(change.id);
      else records.push(...this.#given(change.id, change.partial ? undefined : change.record, message));
    }
    return records;
  }

  /** What is cached of these stays. */
  leaveOutRest(topic: string): void {
    for (const [id, { partition, last }] of this.#places.left) {
      const raw = { topic, partition, offset: String(last) };
      this.#leaveOut({ id, raw, reason: 'its message was removed while the topic was read' });
    }
  }

  #given(id: string, record: Partial<R> | undefined, { topic, partition, offset }: KafkaMessage): R[] {
    this.#unfinished.delete(id);
    this.#places.done(id);
    if (record) return [record as R];
    const raw = { topic, partition, offset: String(offset) };
    this.#leaveOut({ id, raw, reason: 'only some fields of it are known' });
    return [];
  }

  #merged(id: string, fields: Partial<R>): Partial<R> | undefined {
    const known = this.#unfinished.get(id);
    return known && { ...known, ...fields };
  }

  #leaveOut({ id, raw, reason }: InvalidRow): void {
    if (!this.#onInvalid) throw sourceError(`A record cannot be had from the topic: ${reason}`);
    this.#onInvalid({ id, raw, reason });
  }
}
