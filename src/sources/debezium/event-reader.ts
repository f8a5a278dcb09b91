import type { Change, SourceWarning } from '../../sync/source.js';
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
  readonly loadNeeded?: 'snapshot-begun' | 'truncate-overtaken' | undefined;
  readonly snapshot?: SnapshotRow | undefined;
  readonly warning?: SourceWarning | undefined;
}

const fewestToWarnOf = 10;

/** Reads messages in the order of their delivery, and leaves out what is older than what it has read. */
export class EventReader<R extends object> {
  readonly #settings: DecodeSettings<R>;
  readonly #guard: OrderGuard;
  #isInSnapshot: boolean | undefined;
  #olderByPosition = 0;

  constructor(settings: DecodeSettings<R>, orderWindow: number) {
    this.#settings = settings;
    this.#guard = new OrderGuard(orderWindow);
  }

  read(delivery: Delivery): ReadEvent<R> {
    let event: RowEvent | undefined;
    try {
      event = eventOf(delivery.key, delivery.value, this.#settings);
    } catch (error) {
      return { changes: [this.#invalid(delivery, error)] };
    }
    return event ? this.#told(event, delivery) : { changes: [] };
  }

  #told(event: RowEvent, delivery: Delivery): ReadEvent<R> {
    const { snapshot } = event;
    const loadNeeded = this.#beginsSnapshot(event) ? 'snapshot-begun' : undefined;
    if (loadNeeded) this.#forget();
    const admission = this.#guard.admit(event);
    switch (admission) {
      case 'overtaken':
        return { changes: [], loadNeeded: 'truncate-overtaken' };
      case 'older':
        return { changes: [], snapshot };
      case 'older-by-position':
        return { changes: [], snapshot, warning: this.#warning() };
      default:
        return { changes: this.#changesOf(admission.event, delivery), snapshot, loadNeeded };
    }
  }

  #changesOf(event: RowEvent, delivery: Delivery): readonly Change<R>[] {
    try {
      return changesOf(event, this.#settings);
    } catch (error) {
      return [this.#invalid(delivery, error)];
    }
  }

  #invalid({ key, value }: Delivery, error: unknown): Change<never> {
    return invalidMessage(key, value, error, this.#settings);
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

  /** It may be another database from here on. */
  #forget(): void {
    this.#guard.forget();
    this.#olderByPosition = 0;
  }

  /** At each tenfold of them. */
  #warning(): SourceWarning | undefined {
    const count = ++this.#olderByPosition;
    return count >= fewestToWarnOf && /^10*$/.test(String(count)) ? setBack(count) : undefined;
  }
}

/** Rows that are read while changes are told belong to no beginning. */
function isSnapshotRow({ snapshot }: RowEvent): boolean {
  return snapshot !== undefined && snapshot !== 'incremental';
}

function setBack(count: number): SourceWarning {
  return {
    code: 'log-set-back',
    message: `${count} changes were left out because by their positions, though not by their times, they are older than others of their records. If the database was restored or replaced by one whose log begins lower, let Debezium take a snapshot again.`,
  };
}
