import type { RowEvent } from './row-event.js';
import { type SourcePosition, comparePositions } from './source-position.js';

type Place = Pick<RowEvent, 'position' | 'timestampMs'>;

/** The latest that is known of a record. */
interface Latest extends Place {
  readonly tellsDeletions: boolean;
  readonly isGone: boolean;
  /** Columns that the latest event did not bring, and where the event was that brought them last. */
  readonly lacking: Map<string, SourcePosition | undefined>;
  /** The values of all other columns, and of those that came late; only where columns are lacking. */
  readonly known: Map<string, unknown>;
}

/**
 * What is to be done with an event: as it is now; nothing, for it is older; nothing, although only its position says
 * so, and not its time; or it cannot be told any more.
 */
export type Admission = { event: RowEvent } | 'older' | 'older-by-position' | 'overtaken';

/**
 * Tells events that come late from those that come in order, by their position in the log of the database. Rows of a
 * snapshot may be late, but nothing is later than them: a transaction that was open when the snapshot was taken has a
 * position before it and is told after it.
 */
export class OrderGuard {
  readonly #limit: number;
  /** In the order in which they were changed; as many as are remembered. */
  readonly #latest = new Map<string, Latest>();
  #truncated: Place | undefined;
  #newest: { readonly position: SourcePosition } | undefined;

  /** @param limit how many records are remembered */
  constructor(limit: number) {
    this.#limit = limit;
  }

  admit(event: RowEvent): Admission {
    if (event.op === 'tombstone') return this.#admitTombstone(event);
    if (event.op === 'truncate') return this.#admitTruncate(event);
    if (isBefore(event, this.#truncated)) return whyNot(event, this.#truncated);
    const latest = this.#latest.get(event.id);
    const told = { ...event, formerId: this.#removeFormer(event) };
    if (isBefore(event, latest)) {
      return this.#stillNews(told, latest) ?? removalOf(told) ?? whyNot(event, latest);
    }
    if (event.snapshot === undefined) this.#remember(told, latest);
    return { event: told };
  }

  /** What was told before may be of another database. */
  forget(): void {
    this.#latest.clear();
    this.#truncated = undefined;
    this.#newest = undefined;
  }

  /** Where events say that a record is gone, one of them has said it; elsewhere, this is what says so. */
  #admitTombstone(event: RowEvent): Admission {
    const latest = this.#latest.get(event.id);
    return latest?.tellsDeletions || latest?.isGone ? 'older' : { event: { ...event, op: 'delete' } };
  }

  #admitTruncate(event: RowEvent): Admission {
    const { position } = event;
    if (isBefore(event, this.#truncated)) return whyNot(event, this.#truncated);
    if (position && this.#truncated?.position && !isBefore(this.#truncated, event)) return 'older';
    if (isBefore(event, this.#newest)) return 'overtaken';
    this.#latest.clear();
    this.#truncated = event;
    return { event };
  }

  /** The id under which the record was before, unless something newer has it. */
  #removeFormer({ formerId, position, timestampMs, tellsDeletions }: RowEvent): string | undefined {
    if (formerId === undefined || isBefore({ position }, this.#latest.get(formerId))) return undefined;
    const gone = { isGone: true, lacking: new Map(), known: new Map() };
    this.#put(formerId, { position, timestampMs, tellsDeletions, ...gone });
    return formerId;
  }

  /** Of an event that comes late, what those that overtook it did not bring; the whole row, once all of it is known. */
  #stillNews(event: RowEvent, latest: Latest | undefined): Admission | undefined {
    if (!latest || event.op !== 'upsert') return undefined;
    const news: [string, unknown][] = [];
    for (const [column, broughtAt] of latest.lacking) {
      if (!Object.hasOwn(event.row, column) || isBefore(event, { position: broughtAt })) continue;
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
    const { position, timestampMs, tellsDeletions, op } = event;
    // What was there before a deletion says nothing of the record after it.
    const broughtAt = (column: string) =>
      latest?.lacking.has(column) ? latest.lacking.get(column) : latest?.position;
    const lacking = new Map(event.lacking.map((column) => [column, broughtAt(column)]));
    const known = new Map(lacking.size > 0 ? Object.entries(event.row) : []);
    for (const column of lacking.keys()) {
      if (latest?.lacking.has(column) && latest.known.has(column))
        known.set(column, latest.known.get(column));
    }
    this.#put(event.id, { position, timestampMs, tellsDeletions, isGone: op === 'delete', lacking, known });
    if (!isBefore(event, this.#newest) && position) this.#newest = { position };
  }

  #put(id: string, latest: Latest): void {
    this.#latest.delete(id);
    this.#latest.set(id, latest);
    if (this.#latest.size <= this.#limit) return;
    const [oldest] = this.#latest.keys();
    if (oldest !== undefined) this.#latest.delete(oldest);
  }
}

/** Of an event that is older: that its record is not any more where it was before. */
function removalOf(event: RowEvent): Admission | undefined {
  const { formerId } = event;
  return formerId === undefined
    ? undefined
    : { event: { ...event, op: 'delete', id: formerId, formerId: undefined } };
}

/** What is told again has its old time. Where the log of a database begins lower, times go on nevertheless. */
function whyNot(event: RowEvent, newer: Place | undefined): 'older' | 'older-by-position' {
  const [time, newerTime] = [event.timestampMs, newer?.timestampMs];
  const isToldAgain = time !== undefined && newerTime !== undefined && time <= newerTime;
  return isToldAgain || event.snapshot !== undefined ? 'older' : 'older-by-position';
}

/** False also where there is no order. */
function isBefore(a: Pick<Place, 'position'>, b: Pick<Place, 'position'> | undefined): boolean {
  return (
    a.position !== undefined &&
    b?.position !== undefined &&
    (comparePositions(a.position, b.position) ?? 0) < 0
  );
}
