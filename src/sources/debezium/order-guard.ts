import type { RowEvent } from './row-event.js';
import { type SourcePosition, comparePositions } from './source-position.js';

/** The latest that is known of a record. */
interface Latest {
  readonly position: SourcePosition | undefined;
  readonly isEnvelope: boolean;
  readonly isGone: boolean;
  /** Columns that the latest event did not bring, and where the event was that brought them last. */
  readonly lacking: Map<string, SourcePosition | undefined>;
  /** The values of all other columns, and of those that came late; only where columns are lacking. */
  readonly known: Map<string, unknown>;
}

/** What is to be done with an event: as it is now; nothing, for it is older; or it cannot be told any more. */
export type Admission = { event: RowEvent } | 'older' | 'overtaken';

/**
 * Tells events that come late from those that come in order, by their position in the log of the database. Rows of a
 * snapshot may be late, but nothing is later than them: a transaction that was open when the snapshot was taken has a
 * position before it and is told after it.
 */
export class OrderGuard {
  readonly #limit: number;
  /** In the order in which they were changed; as many as are remembered. */
  readonly #latest = new Map<string, Latest>();
  #truncatedAt: SourcePosition | undefined;
  #newest: SourcePosition | undefined;

  /** @param limit how many records are remembered */
  constructor(limit: number) {
    this.#limit = limit;
  }

  admit(event: RowEvent): Admission {
    if (event.snapshot === 'first') this.#forget(); // it may be another database
    if (event.op === 'tombstone') return this.#admitTombstone(event);
    if (event.op === 'truncate') return this.#admitTruncate(event);
    const { id, position } = event;
    if (isBefore(position, this.#truncatedAt)) return 'older';
    const latest = this.#latest.get(id);
    if (isBefore(position, latest?.position)) return this.#stillNews(event, latest) ?? 'older';
    if (event.snapshot === undefined) this.#remember(event, latest);
    return { event };
  }

  /** An envelope has said before that the record is gone; without envelopes, this is what says so. */
  #admitTombstone(event: RowEvent): Admission {
    const latest = this.#latest.get(event.id);
    return latest?.isEnvelope || latest?.isGone ? 'older' : { event: { ...event, op: 'delete' } };
  }

  #admitTruncate(event: RowEvent): Admission {
    const { position } = event;
    if (position && this.#truncatedAt && !isBefore(this.#truncatedAt, position)) return 'older';
    if (isBefore(position, this.#newest)) return 'overtaken';
    this.#latest.clear();
    this.#truncatedAt = position;
    return { event };
  }

  /** Of an event that comes late, what those that overtook it did not bring; the whole row, once all of it is known. */
  #stillNews(event: RowEvent, latest: Latest | undefined): Admission | undefined {
    if (!latest || event.op !== 'upsert') return undefined;
    const news: [string, unknown][] = [];
    for (const [column, broughtAt] of latest.lacking) {
      if (!Object.hasOwn(event.row, column) || isBefore(event.position, broughtAt)) continue;
      latest.lacking.set(column, event.position);
      latest.known.set(column, event.row[column]);
      news.push([column, event.row[column]]);
    }
    if (news.length === 0) return undefined;
    const isWhole = [...latest.lacking.keys()].every((column) => latest.known.has(column));
    const row = Object.fromEntries(isWhole ? latest.known : news);
    return { event: { ...event, row, isPartial: !isWhole } };
  }

  #remember(event: RowEvent, latest: Latest | undefined): void {
    const { position, isEnvelope, op } = event;
    // What was there before a deletion says nothing of the record after it.
    const broughtAt = (column: string) =>
      latest?.lacking.has(column) ? latest.lacking.get(column) : latest?.position;
    const lacking = new Map(event.lacking.map((column) => [column, broughtAt(column)]));
    const known = new Map(lacking.size > 0 ? Object.entries(event.row) : []);
    for (const column of lacking.keys()) {
      if (latest?.lacking.has(column) && latest.known.has(column))
        known.set(column, latest.known.get(column));
    }
    this.#put(event.id, { position, isEnvelope, isGone: op === 'delete', lacking, known });
    if (event.formerId !== undefined) {
      this.#put(event.formerId, { position, isEnvelope, isGone: true, lacking: new Map(), known: new Map() });
    }
    if (!isBefore(position, this.#newest)) this.#newest = position ?? this.#newest;
  }

  #put(id: string, latest: Latest): void {
    this.#latest.delete(id);
    this.#latest.set(id, latest);
    if (this.#latest.size <= this.#limit) return;
    const [oldest] = this.#latest.keys();
    if (oldest !== undefined) this.#latest.delete(oldest);
  }

  #forget(): void {
    this.#latest.clear();
    this.#truncatedAt = undefined;
    this.#newest = undefined;
  }
}

/** False also where there is no order. */
function isBefore(a: SourcePosition | undefined, b: SourcePosition | undefined): boolean {
  return a !== undefined && b !== undefined && (comparePositions(a, b) ?? 0) < 0;
}
