import { setTimeout as sleep } from 'node:timers/promises';
import type { InvalidRow, Snapshot } from '../../../sync/source.js';
import { cursorPages } from '../rows/cursor-pages.js';
import { RowMapper } from '../rows/row-mapper.js';
import { anySignal } from '../../../any-signal.js';
import { type Connections, close } from '../server/connections.js';
import type { PgClient } from '../server/pg-client.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import { whyNotFilled } from './findings.js';
import type { ResolvedOptions } from './options.js';
import { type OutboxLayout, describeOutbox, layoutOf } from './outbox-layout.js';
import { nextTransaction } from './outbox-reader.js';
import type { OutboxState } from './outbox-state.js';
import { type Position, formatPosition } from './position.js';
import { type SeqRange, SeqSet } from './seq-set.js';
import { identify } from './server-identity.js';
import type { Turns } from './turns.js';

const longestSettlingMs = 500;
const settlingPauseMs = 10;

export interface SnapshotContext {
  readonly options: ResolvedOptions;
  readonly connections: Connections;
  readonly turns: Turns;
  readonly signals: readonly AbortSignal[];
  /** Hears of rows that are left out. */
  readonly onInvalid: ((row: InvalidRow) => void) | undefined;
  readonly takeOver: () => Promise<OutboxState>;
  /** See to it that a crash of the server takes back nothing that is in the snapshot. */
  readonly makeSafe: () => Promise<void>;
}

/**
 * All rows as one transaction sees them, and the rows of the outbox that it sees. Undefined when the table was changed in
 * the moment in which that transaction began: what was written then may be in neither.
 *
 * @throws PrefetchError
 */
export async function takeSnapshot<R>(context: SnapshotContext): Promise<Snapshot<R> | undefined> {
  const { options, connections, onInvalid, makeSafe } = context;
  const { signal, release } = anySignal(...context.signals);
  let reader: PgClient | undefined;
  const onAbort = () => reader?.connection.stream.destroy();
  const closeReader = async () => {
    release();
    if (reader) await close(reader);
    reader = undefined;
  };
  signal.addEventListener('abort', onAbort);
  try {
    reader = await connections.open('ordinary', signal);
    const server = await identify(reader);
    const settled = await settledBefore(reader, options, signal);
    const before = layoutOf(options, await describeOutbox(reader, options), server);
    await reader.query('begin isolation level repeatable read read only');
    // Before the first question, with which the snapshot begins: a table that is rewritten after that seems empty.
    await reader.query(`lock table ${quoteTable(options.table)} in access share mode`);
    const { epoch, forgotten, applied } = await heldBy(reader, settled, context);
    const described = await describeOutbox(reader, options);
    const layout = layoutOf(options, described, server);
    if (layout.fingerprint !== before.fingerprint) {
      await closeReader();
      return undefined;
    }
    const why = whyNotFilled(described, options);
    if (why !== undefined) throw sourceError(`What changes would not be seen. ${why}`);
    const position: Position = { epoch, batch: 0, forgotten, layout: layout.fingerprint, applied };
    await makeSafe();
    const total = await countOf(reader, options);
    await reader.query(
      `declare prefetch no scroll cursor for select ${columnsOf(layout)} ${fromOf(options)}`,
    );
    const mapper = new RowMapper<R>(layout, options.map);
    const records = (rows: readonly (readonly (string | null)[])[]) => mapper.records(rows, onInvalid);
    const pages = cursorPages({ reader, cursor: 'prefetch', records, signal, close: closeReader });
    return {
      position: formatPosition(position),
      exact: true,
      records: pages,
      total,
      close: async () => {
        await pages.return();
        await closeReader(); // a generator that was never begun does not clean up
      },
    };
  } catch (error) {
    await closeReader();
    signal.throwIfAborted();
    throw postgresError('taking a snapshot', error);
  }
}

/** The snapshot begins here. Who follows in the same session meets it as a barrier. */
function heldBy(
  reader: PgClient,
  settled: SeqSet,
  { options, turns, takeOver }: SnapshotContext,
): Promise<OutboxState & { applied: SeqSet }> {
  return turns.inTurn(async () => {
    const state = await takeOver();
    const { rows } = await reader.query({
      text: `select min(seq), max(seq) from (
          select seq, seq - row_number() over (order by seq) as island
          from ${quoteTable(options.names.outbox)} where seq > $1) as numbered
        group by island order by 1`,
      values: [settled.floor],
      rowMode: 'array',
    });
    const islands = rows.map(([from, to]): SeqRange => [Number(from), Number(to)]);
    const applied = settled.union(SeqSet.of(islands));
    turns.raise({ epoch: state.epoch, held: applied });
    return { ...state, applied };
  });
}

/** Waits a little for open transactions, so that the gaps which others left by rolling back need not be written down. */
async function settledBefore(
  reader: PgClient,
  { names }: ResolvedOptions,
  signal: AbortSignal,
): Promise<SeqSet> {
  const ask = async () => {
    const sql = `select (select max(seq) from ${quoteTable(names.outbox)}) as top,
      pg_snapshot_xmin(looked) as oldest, ${nextTransaction('looked')} as next from pg_current_snapshot() as looked`;
    const row = (await reader.query(sql)).rows[0];
    return {
      top: Number(row?.['top'] ?? 0),
      oldest: BigInt(row?.['oldest'] ?? 0),
      next: BigInt(row?.['next'] ?? 0),
    };
  };
  const { top, next } = await ask();
  const until = performance.now() + longestSettlingMs;
  while ((await ask()).oldest < next) {
    if (performance.now() > until) return SeqSet.empty;
    await sleep(settlingPauseMs, undefined, { signal });
  }
  return SeqSet.upTo(top);
}

async function countOf(reader: PgClient, options: ResolvedOptions): Promise<number> {
  return Number((await reader.query(`select count(*) as rows ${fromOf(options)}`)).rows[0]?.['rows']);
}

function columnsOf({ columns }: OutboxLayout): string {
  return columns.map(({ name }) => quoteName(name)).join(', ');
}

function fromOf({ table, where }: ResolvedOptions): string {
  return `from ${quoteTable(table)}${where === undefined ? '' : ` where (${where})`}`;
}
