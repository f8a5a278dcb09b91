import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import { dollarQuoted } from './dollar-quoting.js';
import type { OutboxTable } from './options.js';

/**
 * The function that fills an outbox. What is told of a key is the row that is there now, not the one that the trigger was
 * given: a trigger of the application that writes the row once more fires ours for the later state before ours for the
 * earlier one. And two rows may have swapped their keys.
 */
export function functionSql(
  { table, columns, where, names, notify }: OutboxTable,
  key: readonly string[],
): string {
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
  const body = `
#variable_conflict use_column
declare
  -- Whatever the table is called: it may be "new".
  prefetch_before alias for old;
  prefetch_after alias for new;
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
      prefetch_old_key := ${rowOf('prefetch_before', key)};
    end if;
    if tg_op <> 'DELETE' then
      prefetch_new_key := ${rowOf('prefetch_after', key)};
      select ${content} into prefetch_new from ${target}
      ${rowUnder('prefetch_after', 'prefetch_new_key')}
    end if;
    if prefetch_old_key is distinct from prefetch_new_key and prefetch_old_key is not null then
      select ${content} into prefetch_old from ${target}
      ${rowUnder('prefetch_before', 'prefetch_old_key')}
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
`;
  return `-- Runs as its owner, so that the application needs no right on the outbox; with fixed settings, so that a value
-- has the same text whoever writes it.
create or replace function ${outbox}() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO' set intervalstyle = 'iso_8601' set timezone = 'UTC'
  set bytea_output = 'hex' set extra_float_digits = 1 set lc_monetary = 'C'
as ${dollarQuoted(body)};
`;
}
