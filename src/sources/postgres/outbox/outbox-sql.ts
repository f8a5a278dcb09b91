import { createHash } from 'node:crypto';
import { optionError } from '../../../errors.js';
import { refuseUnknownOptions } from '../../../options.js';
import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import { type OutboxSqlOptions, type OutboxTable, known, resolveTable } from './options.js';

/**
 * The SQL that makes an outbox and its triggers, to read and to run as the owner of the table. It may be run again; the
 * triggers are then made anew, and the dataset is loaded anew. Needs `key`: nothing looks at the database here.
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
  const { table, names } = resolveTable(options);
  return `begin;
set local lock_timeout = '5s';
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
  const text = functionSql(options, key) + triggerSql(options);
  return `express-prefetch-cache ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

export function creationSql(options: OutboxTable, key: readonly string[]): string {
  const { outbox, state } = options.names;
  const mark = quoteText(markOf(options, key)).trim();
  return `begin;
-- Rather fail than make the application wait.
set local lock_timeout = '5s';

-- One row for each change, deleted when it has arrived.
create table if not exists ${quoteTable(outbox)} (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  op text not null,
  content text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Who reads it, and up to where it was forgotten.
create table if not exists ${quoteTable(state)} (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0,
  forgotten_epoch bigint not null default 0,
  forgotten_batch bigint not null default 0,
  reader text not null default ''
);
insert into ${quoteTable(state)} default values on conflict do nothing;

${functionSql(options, key)}
comment on function ${quoteTable(outbox)}() is ${mark};
revoke execute on function ${quoteTable(outbox)}() from public;

${triggerSql(options)}
commit;
`;
}

/**
 * What is told of a key is the row that is there now, not the one that the trigger was given: a trigger of the
 * application that writes the row once more fires ours for the later state before ours for the earlier one. And two
 * rows may have swapped their keys.
 */
function functionSql({ table, columns, where, names, notify }: OutboxTable, key: readonly string[]): string {
  const target = quoteTable(table);
  const outbox = quoteTable(names.outbox);
  const rowOf = (row: string, names: readonly string[]) =>
    `row(${names.map((name) => `${row}.${quoteName(name)}`).join(', ')})::text`;
  const there = quoteName(table.name);
  const content = columns ? rowOf(there, [...new Set([...key, ...columns])]) : `(${there}.*)::text`;
  const condition = where === undefined ? '' : `\n        and (${where})`;
  const rowUnder = (row: string, text: string) =>
    `where ${key.map((name) => `${there}.${quoteName(name)} = ${row}.${quoteName(name)}`).join(' and ')}
        and ${rowOf(there, key)} = ${text}${condition};`;
  return `-- Runs as its owner, so that the application needs no right on the outbox; with fixed settings, so that a value
-- has the same text whoever writes it.
create or replace function ${outbox}() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO' set intervalstyle = 'iso_8601' set timezone = 'UTC'
  set bytea_output = 'hex' set extra_float_digits = 1 set lc_monetary = 'C'
as $prefetch$
#variable_conflict use_column
declare
  prefetch_old_key text;
  prefetch_old text;
  prefetch_new_key text;
  prefetch_new text;
begin
  if tg_level = 'STATEMENT' then
    if tg_op = 'TRUNCATE' then
      insert into ${outbox} (op) values ('truncate');
    end if;${notify ? `\n    perform pg_notify(${quoteText(names.outbox.name).trim()}, '');` : ''}
    return null;
  end if;
  begin
    if tg_op <> 'INSERT' then
      prefetch_old_key := ${rowOf('old', key)};
    end if;
    if tg_op <> 'DELETE' then
      prefetch_new_key := ${rowOf('new', key)};
      select ${content} into prefetch_new from ${target}
      ${rowUnder('new', 'prefetch_new_key')}
    end if;
    if prefetch_old_key is distinct from prefetch_new_key and prefetch_old_key is not null then
      select ${content} into prefetch_old from ${target}
      ${rowUnder('old', 'prefetch_old_key')}
    end if;
  exception
    when serialization_failure or deadlock_detected then
      raise;
    when others then
      -- The table is no longer what this was made for. The application's write must not fail for that.
      insert into ${outbox} (op, content) values ('broken', sqlstate);
      return null;
  end;
  if prefetch_old_key is distinct from prefetch_new_key and prefetch_old_key is not null then
    insert into ${outbox} (op, content) values (
      case when prefetch_old is null then 'delete' else 'upsert' end, coalesce(prefetch_old, prefetch_old_key));
  end if;
  if prefetch_new_key is not null then
    insert into ${outbox} (op, content) values (
      case when prefetch_new is null then 'delete' else 'upsert' end, coalesce(prefetch_new, prefetch_new_key));
  end if;
  return null;
end
$prefetch$;
`;
}

function triggerSql({ table, names, notify }: OutboxTable): string {
  const { row, truncate, notify: wake } = names.triggers;
  return [
    triggerOn(row, 'insert or update or delete', 'row'),
    triggerOn(truncate, 'truncate', 'statement'),
    ...(notify ? [triggerOn(wake, 'insert or update or delete', 'statement')] : [dropTrigger(wake)]),
  ].join('\n');

  function dropTrigger(name: string): string {
    return `drop trigger if exists ${quoteName(name)} on ${quoteTable(table)};`;
  }

  /** Always: also for what a logical replication writes here. */
  function triggerOn(name: string, events: string, each: 'row' | 'statement'): string {
    const target = quoteTable(table);
    return `${dropTrigger(name)}
create trigger ${quoteName(name)} after ${events} on ${target}
  for each ${each} execute function ${quoteTable(names.outbox)}();
alter table ${target} enable always trigger ${quoteName(name)};`;
  }
}
