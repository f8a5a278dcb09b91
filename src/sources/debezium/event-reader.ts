import type { Change } from '../../sync/source.js';
import { changesOf, eventOf, invalidMessage } from './changes-of.js';
import type { DecodeSettings } from './decode-options.js';
import type { MessagePart, SnapshotRow } from './message.js';
import { OrderGuard } from './order-guard.js';
import type { RowEvent } from './row-event.js';

/** A message as its transport gives it. */
export interface Delivery {
  readonly key: MessagePart;
  readonly value: MessagePart;
}

export interface ReadEvent<R> {
  readonly changes: readonly Change<R>[];
  /** Why the changes are not enough to go on, and everything has to be loaded. */
  readonly loadNeeded: 'snapshot-begun' | 'truncate-overtaken' | undefined;
  readonly snapshot: SnapshotRow | undefined;
}

/** Reads messages in the order of their delivery, and leaves out what is older than what it has read. */
export class EventReader<R extends object> {
  readonly #settings: DecodeSettings<R>;
  readonly #guard: OrderGuard;
  #isInSnapshot: boolean | undefined;

  constructor(settings: DecodeSettings<R>, orderWindow: number) {
    this.#settings = settings;
    this.#guard = new OrderGuard(orderWindow);
  }

  read({ key, value }: Delivery): ReadEvent<R> {
    const nothing: ReadEvent<R> = { changes: [], loadNeeded: undefined, snapshot: undefined };
    try {
      const event = eventOf(key, value, this.#settings);
      if (!event) return nothing;
      const { snapshot } = event;
      const loadNeeded = this.#beginsSnapshot(event) ? 'snapshot-begun' : undefined;
      const admission = this.#guard.admit(event);
      if (admission === 'older') return { ...nothing, snapshot, loadNeeded };
      if (admission === 'overtaken') return { ...nothing, loadNeeded: 'truncate-overtaken' };
      return { changes: changesOf(admission.event, this.#settings), snapshot, loadNeeded };
    } catch (error) {
      return { ...nothing, changes: [invalidMessage(key, value, error, this.#settings)] };
    }
  }

  /** Learns what was delivered before, the newest first; nothing that was before a snapshot. */
  async remember(deliveries: AsyncIterable<Delivery>): Promise<void> {
    const events: RowEvent[] = [];
    let hasMetSnapshot = false;
    for await (const { key, value } of deliveries) {
      const event = this.#eventOrNothing(key, value);
      if (!event) continue;
      if (event.op !== 'tombstone') {
        const isRow = isSnapshotRow(event);
        if (hasMetSnapshot && !isRow) break;
        hasMetSnapshot = isRow;
        this.#isInSnapshot ??= isRow && event.snapshot !== 'last';
      }
      events.push(event);
      if (event.snapshot === 'first') break;
    }
    for (const event of events.reverse()) this.#guard.admit(event);
  }

  /** A table of one row has a last one, or a first one, but not both. */
  #beginsSnapshot(event: RowEvent): boolean {
    const { op, snapshot } = event;
    if (op === 'tombstone') return false;
    const isRow = isSnapshotRow(event);
    const begins = snapshot === 'first' || (isRow && !this.#isInSnapshot);
    this.#isInSnapshot = isRow && snapshot !== 'last';
    return begins;
  }

  #eventOrNothing(key: MessagePart, value: MessagePart): RowEvent | undefined {
    try {
      return eventOf(key, value, this.#settings);
    } catch {
      return undefined; // it was handed on when it was read
    }
  }
}

/** Rows that are read while changes are told belong to no beginning. */
function isSnapshotRow({ snapshot }: RowEvent): boolean {
  return snapshot !== undefined && snapshot !== 'incremental';
}
