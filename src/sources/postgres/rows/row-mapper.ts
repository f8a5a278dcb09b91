import type { Change } from '../../../cache/change.js';
import type { InvalidRow } from '../../../sync/source.js';
import { sourceError } from '../server/postgres-error.js';
import { valueOf } from './column-values.js';
import type { PostgresRow } from './postgres-row.js';
import type { RowLayout } from './row-layout.js';
import type { Tuple } from './tuple.js';

/** Thrown inside of `map` when it reads a value that was stored out of line, did not change, and was not sent. */
class UnchangedColumn extends Error {
  constructor(column: string) {
    super(`\`map\` needs the value of ${column}, which was not sent.`);
  }
}

/** Makes records and changes of rows. */
export class RowMapper<R> {
  readonly #layout: RowLayout;
  readonly #map: ((row: PostgresRow) => object) | undefined;
  /** For each column, where it is in what the stream sends. */
  readonly #places: readonly number[];

  constructor(layout: RowLayout, map: ((row: PostgresRow) => object) | undefined) {
    this.#layout = layout;
    this.#map = map;
    this.#places = layout.columns.map(({ name }) =>
      layout.published.findIndex((published) => published.name === name),
    );
  }

  /**
   * @param rows the values of the columns of the layout, all of them
   * @param onInvalid hears of rows that are left out
   * @throws PrefetchError for the first of these when nobody hears
   */
  records(
    rows: readonly (readonly (string | null)[])[],
    onInvalid: ((row: InvalidRow) => void) | undefined,
  ): R[] {
    return rows.flatMap((values) => {
      const row = this.#rowOf(values);
      const [change] = this.#upsert(row, 0);
      if (change?.op === 'upsert') return [change.record as R];
      const reason = change?.op === 'invalid' ? change.reason : 'There is no record in the row.';
      if (!onInvalid) throw sourceError(reason);
      onInvalid({ id: this.#idOf(row), raw: Object.fromEntries(row), reason });
      return [];
    });
  }

  insert(sent: Tuple, timestampMs: number): Change<R>[] {
    return this.#upsert(this.#rowOf(this.#chosen(sent)), timestampMs);
  }

  update(before: Tuple | undefined, sent: Tuple, timestampMs: number): Change<R>[] {
    const old = before && this.#chosen(before);
    const values = this.#chosen(sent);
    // With REPLICA IDENTITY FULL, what did not change is in the old row; else that has only the key, and null elsewhere.
    const row = this.#rowOf(
      values.map((value, n) => (value === undefined ? (old?.[n] ?? undefined) : value)),
    );
    const [oldId, id] = [old && this.#idOf(this.#rowOf(old)), this.#idOf(row)];
    if (oldId === undefined || oldId === id) return this.#upsert(row, timestampMs);
    const removal: Change<R> = { op: 'delete', id: oldId, timestampMs };
    const [change] = this.#upsert(row, timestampMs);
    if (change?.op === 'upsert' && change.partial) {
      const reason = `The row got another key, and values that did not change were not sent. ${fullIdentity}`;
      return [removal, { op: 'invalid', id: change.id, raw: Object.fromEntries(row), reason, timestampMs }];
    }
    return change ? [removal, change] : [removal];
  }

  delete(before: Tuple, timestampMs: number): Change<R>[] {
    const id = this.#idOf(this.#rowOf(this.#chosen(before)));
    if (id !== undefined) return [{ op: 'delete', id, timestampMs }];
    const reason = 'A row was deleted, and its key was not sent: it is not in the replica identity.';
    return [{ op: 'invalid', raw: before, reason, timestampMs }];
  }

  #upsert(row: Map<string, string | null>, timestampMs: number): Change<R>[] {
    const id = this.#idOf(row);
    try {
      if (id === undefined) throw new Error('The key of a row is null.');
      const { record, isPartial } = this.#recordOf(row, id);
      return isPartial
        ? [{ op: 'upsert', id, record: record, partial: true, timestampMs }]
        : [{ op: 'upsert', id, record: record as R, timestampMs }];
    } catch (error) {
      const reason =
        error instanceof UnchangedColumn
          ? `${error.message} ${fullIdentity}`
          : `The row cannot be made a record: ${String(error)}`;
      const raw = Object.fromEntries(row);
      return [{ op: 'invalid', ...(id !== undefined && { id }), raw, reason, timestampMs }];
    }
  }

  #recordOf(row: Map<string, string | null>, id: string): { record: object; isPartial: boolean } {
    const { columns } = this.#layout;
    if (this.#map) {
      const missed: string[] = [];
      const record: unknown = this.#map(this.#guarded(row, missed));
      // It may have made something up instead, having caught what the row threw.
      if (missed[0] !== undefined) throw new UnchangedColumn(missed[0]);
      if (typeof record !== 'object' || record === null) throw new Error('`map` gave no record.');
      return { record: { ...record, id }, isPartial: false };
    }
    const record: Record<string, unknown> = {};
    for (const { name, type } of columns) {
      const text = row.get(name);
      if (text !== undefined) record[name] = valueOf(text, type);
    }
    return { record: { ...record, id }, isPartial: row.size < columns.length };
  }

  /** Without what was not sent; a `map` that does not read it makes whole records all the same. */
  #guarded(row: Map<string, string | null>, missed: string[]): PostgresRow {
    const guarded: Record<string, string | null> = {};
    for (const { name } of this.#layout.columns) {
      const text = row.get(name);
      if (text !== undefined) guarded[name] = text;
      else {
        Object.defineProperty(guarded, name, {
          enumerable: true,
          get: () => {
            missed.push(name);
            throw new UnchangedColumn(name);
          },
        });
      }
    }
    return guarded;
  }

  #chosen(sent: Tuple): Tuple {
    return this.#places.map((place) => sent[place]);
  }

  #rowOf(values: Tuple): Map<string, string | null> {
    const row = new Map<string, string | null>();
    this.#layout.columns.forEach(({ name }, n) => {
      const value = values[n];
      if (value !== undefined) row.set(name, value);
    });
    return row;
  }

  /** Undefined when a part of the key did not come or is null. */
  #idOf(row: Map<string, string | null>): string | undefined {
    const parts = this.#layout.key.map((name) => row.get(name));
    if (parts.length === 0 || !parts.every((part) => typeof part === 'string')) return undefined;
    return parts.length === 1 ? parts[0] : parts.map(encoded).join('~');
  }
}

const fullIdentity = 'ALTER TABLE … REPLICA IDENTITY FULL makes Postgres send all values.';

/** So that no two keys make the same id. */
function encoded(part: string): string {
  return encodeURIComponent(part).replaceAll('~', '%7E');
}
