import type { PgClient, TextRow } from '../server/pg-client.js';
import { sourceError } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxNames } from './outbox-names.js';
import type { Mark } from './position.js';

/** The one row of the state of an outbox. */
export interface OutboxState {
  /** The latest that was given to a session or a snapshot. */
  readonly epoch: number;
  /** What was applied up to here may have been deleted. */
  readonly forgotten: Mark;
  /** Who may delete. */
  readonly reader: string;
}

const columns = 'epoch, forgotten_epoch, forgotten_batch, reader';

export async function readState(client: PgClient, { state }: OutboxNames, lock = ''): Promise<OutboxState> {
  return stateOf((await client.query(`select ${columns} from ${quoteTable(state)} ${lock}`)).rows[0]);
}

/** From now on nobody else deletes, and nobody else's positions are mistaken for ours. */
export async function takeOver(
  client: PgClient,
  { state }: OutboxNames,
  reader: string,
): Promise<OutboxState> {
  const sql = `update ${quoteTable(state)} set epoch = epoch + 1, reader = $1 returning ${columns}`;
  return stateOf((await client.query(sql, [reader])).rows[0]);
}

/**
 * False when somebody else has taken over, or has come further. To be called in the transaction that deletes, before it
 * does: what may be gone is never less than what is.
 */
export async function forget(
  client: PgClient,
  { state }: OutboxNames,
  reader: string,
  { epoch, batch }: Mark,
): Promise<boolean> {
  const { rows } = await client.query(
    `update ${quoteTable(state)} set forgotten_epoch = $2, forgotten_batch = $3
    where reader = $1 and (forgotten_epoch, forgotten_batch) <= ($2::bigint, $3::bigint) returning epoch`,
    [reader, epoch, batch],
  );
  return rows.length > 0;
}

function stateOf(row: TextRow | undefined): OutboxState {
  if (!row)
    throw sourceError('The state of the outbox is empty: remove the outbox, and let it be made anew.');
  return {
    epoch: Number(row['epoch']),
    forgotten: { epoch: Number(row['forgotten_epoch']), batch: Number(row['forgotten_batch']) },
    reader: row['reader'] ?? '',
  };
}
