import { type StreamEntry, isMark } from '../../redis/streams/stream-entry.js';
import { invalid } from './changes-of.js';
import { type Delivery, EventReader, type ReadEvent } from './event-reader.js';
import { Garbage } from './garbage.js';
import { decodeIntegrationEntry } from './integration-entry.js';
import type { ResolvedOptions } from './options.js';
import { messagesIn } from './stream-message.js';

/** Reads the entries of a stream one after the other, whoever wrote them. */
export class EntryReader<R extends object> {
  readonly #options: ResolvedOptions<R>;
  readonly #events: EventReader<R>;

  constructor(options: ResolvedOptions<R>) {
    this.#options = options;
    this.#events = new EventReader(options.decoding, options.orderWindow);
  }

  read(entry: StreamEntry): ReadEvent<R> {
    const { format, decoding } = this.#options;
    if (isMark(entry)) return { changes: [] };
    if (format === 'data-integration') return { changes: decodeIntegrationEntry(entry, decoding) };
    const messages = this.#messagesIn(entry);
    if (!messages) {
      const [id, fields] = entry;
      const why = new Garbage(`the entry is not in the format ${format}`);
      return { changes: [invalid({ id, fields }, why)] };
    }
    const events = messages.map((message) => this.#events.read(message));
    const [first] = events;
    if (first && events.length === 1) return first;
    return {
      changes: events.flatMap(({ changes }) => changes),
      loadNeeded: events.find(({ loadNeeded }) => loadNeeded)?.loadNeeded,
      snapshot: events.at(-1)?.snapshot,
      warning: events.find(({ warning }) => warning)?.warning,
    };
  }

  #messagesIn(entry: StreamEntry): readonly Delivery[] | undefined {
    const { format, nullText } = this.#options;
    return messagesIn(entry, format === 'data-integration' ? 'auto' : format, nullText);
  }
}
