import type { ReloadReason } from '../../../sync/source.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import { describeOutbox, layoutOf } from './outbox-layout.js';
import { boundsOf, rowsIn } from './outbox-reader.js';
import { type OutboxState, readState, takeOver } from './outbox-state.js';
import { type Position, compareMarks } from './position.js';
import { type ServerIdentity, identify } from './server-identity.js';

export interface Reload {
  readonly reload: ReloadReason;
  readonly detail: string;
}

/** Takes over the outbox, if what comes after the position can still be had. */
export async function resumeAt(
  client: PgClient,
  position: Position,
  options: OutboxTable,
  reader: string,
): Promise<Position | Reload> {
  const server = await identify(client);
  await client.query('begin');
  try {
    const resumed = await takeOverAt(client, position, options, server, reader);
    await client.query('commit');
    return resumed;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function takeOverAt(
  client: PgClient,
  position: Position,
  options: OutboxTable,
  server: ServerIdentity,
  reader: string,
): Promise<Position | Reload> {
  const state = await readState(client, options.names, 'for update');
  const { fingerprint } = layoutOf(options, await describeOutbox(client, options), server);
  const reload = whyNotIn(position, state, fingerprint) ?? (await whyNotInRows(client, position, options));
  if (reload) return reload;
  const { epoch, forgotten } = await takeOver(client, options.names, reader);
  return { ...position, epoch, batch: 0, forgotten };
}

function whyNotIn(position: Position, state: OutboxState, fingerprint: string): Reload | undefined {
  if (position.layout !== fingerprint) {
    const detail =
      'The table is not the one that was read: its columns, its triggers or the options changed, it was made anew, or this is another server.';
    return { reload: 'source-changed', detail };
  }
  if (position.epoch > state.epoch || compareMarks(state.forgotten, position.forgotten) < 0) {
    return { reload: 'source-changed', detail: 'The database was set back to before the checkpoint.' };
  }
  if (compareMarks(position, state.forgotten) < 0) {
    const { epoch, batch } = state.forgotten;
    const detail = `What was applied up to ${epoch}.${batch} is deleted from the outbox: Redis was set back, or somebody else reads the outbox.`;
    return { reload: 'lost-changes', detail };
  }
  return undefined;
}

async function whyNotInRows(
  client: PgClient,
  { applied }: Position,
  { names }: OutboxTable,
): Promise<Reload | undefined> {
  const outbox = quoteTable(names.outbox);
  const { rows } = await client.query(
    `select
      (select case when has_sequence_privilege(pg_get_serial_sequence($3, 'seq'), 'select')
          then coalesce(last_value, 0) end
        from pg_sequences
        where quote_ident(schemaname) || '.' || quote_ident(sequencename) = pg_get_serial_sequence($3, 'seq')) as latest,
      (select row.content from ${rowsIn(outbox, 'o.op, o.content')} where row.op = 'broken' limit 1) as broken`,
    [...boundsOf(applied.complement()), outbox],
  );
  const { latest = null, broken = null } = rows[0] ?? {};
  if (latest !== null && Number(latest) < applied.top) {
    return { reload: 'source-changed', detail: 'The outbox was set back to before the checkpoint.' };
  }
  if (broken !== null) {
    return { reload: 'lost-changes', detail: `The trigger could not tell of a change (${broken}).` };
  }
  return undefined;
}
