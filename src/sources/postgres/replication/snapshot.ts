import type { InvalidRow, Snapshot } from '../../../sync/source.js';
import { anySignal } from '../../../any-signal.js';
import { type Connections, close } from '../server/connections.js';
import type { ResolvedOptions } from './options.js';
import type { Line } from '../server/line.js';
import type { PgClient } from '../server/pg-client.js';
import { formatPosition } from './position.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import { cursorPages } from '../rows/cursor-pages.js';
import { RowMapper } from '../rows/row-mapper.js';
import { identify } from './server-identity.js';
import type { CreatedSlot } from './slot.js';
import type { TableLayout } from './table-layout.js';
import { type TableSight, isSameSight, lookAtTable } from './table-sight.js';

export interface SnapshotContext {
  readonly options: ResolvedOptions;
  readonly connections: Connections;
  readonly signals: readonly AbortSignal[];
  /** Hears of rows that are left out. */
  readonly onInvalid: ((row: InvalidRow) => void) | undefined;
  /** Makes the slot whose snapshot it is, on a connection for replication. */
  readonly createSlot: (replication: PgClient) => Promise<CreatedSlot>;
  /** The table as it is now. */
  readonly lookNow: (system: string) => Promise<TableSight | undefined>;
  /** Whether the connection is to stay open: the slot ends with it. */
  readonly keeps: (replication: Line, slot: CreatedSlot) => boolean;
}

/**
 * All rows as they were at the consistent point of a slot; undefined when they cannot be seen any more, because the
 * table was truncated, altered or made anew since. What does that does not ask who still has an older snapshot.
 */
export async function takeSnapshot<R>(context: SnapshotContext): Promise<Snapshot<R> | undefined> {
  const { options, connections, createSlot, keeps, onInvalid } = context;
  const { signal, release } = anySignal(...context.signals);
  const open: PgClient[] = [];
  const closeAll = async () => {
    release();
    await Promise.all(open.splice(0).map(close));
  };
  const onAbort = () => {
    for (const client of open) client.connection.stream.destroy();
  };
  signal.addEventListener('abort', onAbort);
  try {
    const replication = await connections.open('replication', signal);
    open.push(replication);
    const { system, timeline } = await identify(replication);
    const slot = await createSlot(replication);
    const reader = await connections.open('ordinary', signal);
    open.push(reader);
    await reader.query('begin isolation level repeatable read read only');
    await reader.query(`set transaction snapshot ${quoteText(slot.snapshot)}`);
    await reader.query(`select from ${quoteTable(options.table)} limit 0`); // from here on it is locked
    const seen = await lookAtTable(reader, options, system);
    if (!isSameSight(seen, await context.lookNow(system))) {
      await closeAll();
      return undefined;
    }
    const layout = seen?.layout;
    if (!layout) throw sourceError(`The table ${quoteTable(options.table)} is not in the publication.`);
    const total = await countOf(reader, options, layout);
    await reader.query(
      `declare prefetch no scroll cursor for select ${columnsOf(layout)} ${fromOf(options, layout)}`,
    );
    open.shift();
    if (!keeps(replication, slot)) await close(replication);
    const mapper = new RowMapper<R>(layout, options.map);
    const pages = cursorPages<R>({
      reader,
      cursor: 'prefetch',
      records: (rows) => mapper.records(rows, onInvalid),
      signal,
      close: closeAll,
    });
    return {
      position: formatPosition({
        lsn: slot.consistentPoint,
        within: 0,
        timeline,
        layout: layout.fingerprint,
      }),
      exact: true,
      records: pages,
      total,
      close: async () => {
        await pages.return();
        await closeAll(); // a generator that was never begun does not clean up
      },
    };
  } catch (error) {
    await closeAll();
    signal.throwIfAborted();
    throw postgresError('taking a snapshot', error);
  }
}

async function countOf(reader: PgClient, options: ResolvedOptions, layout: TableLayout): Promise<number> {
  const { rows } = await reader.query(`select count(*) as rows ${fromOf(options, layout)}`);
  return Number(rows[0]?.['rows']);
}

function columnsOf({ columns }: TableLayout): string {
  return columns.map(({ name }) => quoteName(name)).join(', ');
}

/** Without the rows that the publication leaves out. */
function fromOf({ table }: ResolvedOptions, { rowFilter }: TableLayout): string {
  return `from ${quoteTable(table)}${rowFilter === null ? '' : ` where (${rowFilter})`}`;
}
