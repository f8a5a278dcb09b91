import { createHash } from 'node:crypto';
import { optionError } from '../../../errors.js';
import { refuseUnknownOptions } from '../../../options.js';
import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import { type OutboxSqlOptions, type OutboxTable, known, resolveTable } from './options.js';
import { functionSql } from './outbox-function.js';
import { triggerSql } from './outbox-triggers.js';
import { guardSql, marks } from './strangers.js';

/**
 * The SQL that makes an outbox and its triggers, to read and to run as the owner of the table. It may be run again, and
 * then only does what is missing. Needs `key`: nothing looks at the database here.
 *
 * @example
 * console.log(outboxSql({ table: 'category', key: 'id' }));
 *
 * @throws PrefetchError
 */
export function outboxSql(options: OutboxSqlOptions): string {
  refuseUnknownOptions('outboxSql()', options, known);
  const table = resolveTable(options);
  if (!table.key) throw optionError('key', 'the names of the columns that identify a record', options.key);
  return creationSql(table, table.key);
}

/**
 * The SQL that removes an outbox, its triggers and its function.
 *
 * @throws PrefetchError
 */
export function outboxRemovalSql(options: OutboxSqlOptions): string {
  refuseUnknownOptions('outboxRemovalSql()', options, known);
  const resolved = resolveTable(options);
  const { table, names } = resolved;
  return `begin;
${guardSql(resolved)}
${Object.values(names.triggers)
  .map((trigger) => `drop trigger if exists ${quoteName(trigger)} on ${quoteTable(table)};`)
  .join('\n')}
drop function if exists ${quoteTable(names.outbox)}();
drop table if exists ${quoteTable(names.outbox)}, ${quoteTable(names.state)};
commit;
`;
}

/** What the comment on the function says, so that one made by other SQL is noticed. */
export function markOf(options: OutboxTable, key: readonly string[]): string {
  return `${marks.function}${createHash('sha256')
    .update(markedSql(options, key, ''))
    .digest('hex')
    .slice(0, 16)}`;
}

export function creationSql(options: OutboxTable, key: readonly string[]): string {
  return markedSql(options, key, markOf(options, key));
}

function markedSql(options: OutboxTable, key: readonly string[], mark: string): string {
  const outbox = quoteTable(options.names.outbox);
  const state = quoteTable(options.names.state);
  return `begin;
${guardSql(options)}
-- Whoever has written to the table by now has ended then: what they wrote down was in the old way.
lock table ${quoteTable(options.table)} in share row exclusive mode;

-- One row for each change, deleted when it has arrived.
create table if not exists ${outbox} (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  op text not null,
  content text,
  transaction xid8 not null default pg_current_xact_id(),
  unique (transaction, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
comment on table ${outbox} is '${marks.outbox}';

-- Who reads it, and up to where it was forgotten.
create table if not exists ${state} (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0,
  forgotten_epoch bigint not null default 0,
  forgotten_batch bigint not null default 0,
  reader text not null default ''
);
comment on table ${state} is '${marks.state}';
insert into ${state} default values on conflict do nothing;

${functionSql(options, key)}
comment on function ${outbox}() is ${quoteText(mark).trim()};
revoke execute on function ${outbox}() from public;

${triggerSql(options)}
commit;
`;
}
