import { quoteTable, quoteText } from '../server/quoting.js';
import { dollarQuoted } from './dollar-quoting.js';
import type { OutboxTable } from './options.js';

/** The comments on what we make, by which it is known as ours. */
export const marks = {
  outbox: 'express-prefetch-cache: an outbox',
  state: 'express-prefetch-cache: the state of an outbox',
  /** How that on the function begins. */
  function: 'express-prefetch-cache ',
} as const;

const choose = 'choose another name with `outbox`.';

/** A query for what has one of our names and is not ours: as sentences, with how to go on. */
export function strangersQuery({ table, names }: OutboxTable): string {
  const named = (name: string) => quoteText(name).trim();
  const regclass = (of: OutboxTable['table']) => `to_regclass(${named(quoteTable(of))})`;
  const calls = `to_regprocedure(${named(`${quoteTable(names.outbox)}()`)})`;
  const triggers = Object.values(names.triggers).map(named);
  return `select 'The table ' || c.oid::regclass || ' is not one of ours: ${choose}' as stranger
    from (values (${regclass(names.outbox)}, '${marks.outbox}'), (${regclass(names.state)}, '${marks.state}'))
      as ours (oid, mark) join pg_class c on c.oid = ours.oid
    where obj_description(c.oid, 'pg_class') is distinct from ours.mark
    union all
    select 'The function ' || p.oid::regprocedure || ' is not one of ours: ${choose}' from pg_proc p
    where p.oid = ${calls} and starts_with(obj_description(p.oid, 'pg_proc'), '${marks.function}') is not true
    union all
    select 'The trigger ' || t.tgname || ' is not one of ours: ${choose}' from pg_trigger t
    where t.tgrelid = ${regclass(table)} and t.tgname in (${triggers.join(', ')})
      and t.tgfoid is distinct from ${calls}
    union all
    select 'The outbox ' || ${regclass(names.outbox)}::text || ' is that of another table: ${choose}'
    where exists (
      select from pg_trigger t
      where t.tgfoid = ${calls} and t.tgparentid = 0 and t.tgrelid is distinct from ${regclass(table)})`;
}

/** SQL that fails when something is not ours, and lets only one of those work on an outbox who run it. */
export function guardSql(options: OutboxTable): string {
  const body = `
declare
  stranger text;
begin
  perform pg_advisory_xact_lock(hashtextextended(${quoteText(quoteTable(options.names.outbox)).trim()}, 0));
  for stranger in ${strangersQuery(options)}
  loop
    raise exception '%', stranger;
  end loop;
end
`;
  return `-- What has one of these names and is not ours is left alone. One at a time.
set local lock_timeout = '5s';
do ${dollarQuoted(body)};
-- Rather fail than make the application wait: then run it again.
set local lock_timeout = '150ms';`;
}
