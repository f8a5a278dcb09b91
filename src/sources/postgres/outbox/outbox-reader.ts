import type { Change } from '../../../cache/change.js';
import type { RowMapper } from '../rows/row-mapper.js';
import type { TupleValue } from '../rows/tuple.js';
import type { PgClient } from '../server/pg-client.js';
import { sourceError } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';
import type { Look } from './horizon.js';
import type { OutboxLayout } from './outbox-layout.js';
import type { OutboxNames } from './outbox-names.js';
import type { OutboxRow } from './outbox-row.js';
import { valuesOf } from './record-literal.js';
import type { SeqSet } from './seq-set.js';
import { wholeTransactions } from './whole-transactions.js';

const bytesPerReading = 8_000_000;

export interface Reading extends Look {
  readonly rows: readonly OutboxRow[];
  /** There may be more. */
  readonly isFull: boolean;
  /** Up to where the log has to be safe, so that a crash of the server cannot take back what was read. */
  readonly logEnd: string | null;
}

/** Rows of the outbox in ranges of numbers: those in between may be dead, and would have to be passed over each time. */
export function rowsIn(outbox: string, columns: string, ending = ''): string {
  return `unnest($1::bigint[], $2::bigint[]) as gap (first, final) cross join lateral (
    select ${columns} from ${outbox} o where o.seq between gap.first and gap.final ${ending}) as row`;
}

/**
 * Rows in the order of their numbers come from the index, a few at a time. The planner, which knows neither the ranges nor
 * how many rows are there, might rather fetch and sort all of them each time.
 */
export function byIndex(set: 'set' | 'set local'): string {
  return ['seqscan', 'bitmapscan', 'sort']
    .map((way) => `${set} enable_${way} = off`)
    .concat(`${set} jit = off`)
    .join('; ');
}

export function boundsOf({ ranges }: SeqSet): [number[], number[]] {
  return [ranges.map(([from]) => from), ranges.map(([, to]) => to)];
}

/**
 * The number that the next transaction will get. It is not the `xmax` of a snapshot, which is after the last one that
 * has ended: those after it may have begun. `age()` counts from there to what we want.
 */
export function nextTransaction(snapshot: string): string {
  const ended = `pg_snapshot_xmax(${snapshot})`;
  return `${ended}::text::numeric + age(${ended}::xid)`;
}

/**
 * Reads what is in the outbox, in the order of the numbers, which for each row of the table is that of the commits. Not
 * many more bytes than fit into a reading: those after that are not fetched from where long values are stored.
 */
export async function readOutbox(
  client: PgClient,
  names: OutboxNames,
  within: SeqSet,
  most: number,
  knowsLog: boolean,
): Promise<Reading> {
  const { rows } = await client.query({
    name: 'prefetch-outbox-read',
    text: `
      select pg_snapshot_xmin(looked), ${nextTransaction('looked')}, ${knowsLog ? 'pg_current_wal_insert_lsn()' : 'null'},
        found.through, found.seq, (extract(epoch from found.at) * 1000)::bigint, found.op, found.content, found.transaction
      from pg_current_snapshot() as looked left join lateral (
        select counted.* from (
          select first.*, max(first.seq) over () as through,
            sum(octet_length(first.content)) over (order by first.seq) - octet_length(first.content) as bytes_before
          from (
            select row.* from ${rowsIn(quoteTable(names.outbox), 'o.*', 'order by o.seq limit $3')}
            order by row.seq limit $3) as first) as counted
        where coalesce(counted.bytes_before, 0) < ${bytesPerReading}) as found on true
      order by found.seq`,
    values: [...boundsOf(within), most],
    rowMode: 'array',
  });
  const [oldestOpen, next, logEnd = null, last] = rows[0] ?? [];
  const found: OutboxRow[] = [];
  for (const [, , , , seq = null, timestampMs, op, content = null, transaction] of rows) {
    if (seq === null) continue;
    const told = { timestampMs: Number(timestampMs), op: op ?? '', content };
    found.push({ seq: Number(seq), transaction: transaction ?? '', ...told });
  }
  const through = found.at(-1)?.seq ?? 0;
  const isFull = found.length >= most || through < Number(last ?? 0);
  const look = { isFull, oldestOpen: BigInt(oldestOpen ?? 0), next: BigInt(next ?? 0), logEnd };
  if (!isFull) return { ...look, rows: found, through: Number.MAX_SAFE_INTEGER };
  const part = await wholeTransactions(client, names, found);
  return { ...look, rows: part.rows, through: part.heldFrom === undefined ? through : part.heldFrom - 1 };
}

/** Makes changes of rows of the outbox. */
export class OutboxDecoder<R> {
  readonly #layout: OutboxLayout;
  readonly #mapper: RowMapper<R>;
  /** For each column of the key, where it is in a row. */
  readonly #keyPlaces: readonly number[];

  constructor(layout: OutboxLayout, mapper: RowMapper<R>) {
    this.#layout = layout;
    this.#mapper = mapper;
    this.#keyPlaces = layout.key.map((name) =>
      layout.published.findIndex((published) => published.name === name),
    );
  }

  /** One change for each row. */
  changesOf({ op, content, timestampMs }: OutboxRow): Change<R>[] {
    switch (op) {
      case 'truncate':
        return [{ op: 'truncate', timestampMs }];
      case 'delete':
        return this.#mapper.delete(this.#keyAlone(valuesOf(content ?? '')), timestampMs);
      case 'upsert':
        return this.#mapper.insert(this.#whole(valuesOf(content ?? '')), timestampMs);
      default:
        throw sourceError(
          `The trigger could not tell of a change (${content ?? 'for no reason'}): the table has to be loaded again.`,
        );
    }
  }

  #whole(values: (string | null)[]): (string | null)[] {
    if (values.length === this.#layout.published.length) return values;
    throw sourceError('A row in the outbox has other columns than the table: it has to be loaded again.');
  }

  #keyAlone(values: readonly (string | null)[]): TupleValue[] {
    const tuple = Array<TupleValue>(this.#layout.published.length).fill(undefined);
    this.#keyPlaces.forEach((place, n) => (tuple[place] = values[n]));
    return tuple;
  }
}
