import { createHash } from 'node:crypto';
import type { RowLayout } from '../rows/row-layout.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import type { ServerIdentity } from './server-identity.js';

export interface DescribedColumn {
  readonly name: string;
  readonly number: number;
  readonly type: number;
  /** What is under a domain; else the type. */
  readonly base: number;
  /** Such as a length, or a number of digits. */
  readonly modifier: number;
  readonly nullable: boolean;
}

/** What the catalogue says of a table, its outbox and what connects the two. */
export interface Described {
  readonly table: number | null;
  readonly columns: readonly DescribedColumn[];
  readonly primaryKey: readonly string[];
  readonly outbox: number | null;
  readonly state: number | null;
  /** The comment on the function. */
  readonly mark: string | null;
  /** With `A` for enabled always. */
  readonly triggers: readonly { readonly name: string; readonly id: number; readonly enabled: string }[];
  /** Of each partition the table and the file: it is another one after a TRUNCATE of the partition. */
  readonly partitions: readonly (readonly [table: number, file: number])[];
}

/** What rows of the outbox look like. */
export interface OutboxLayout extends RowLayout {
  /** Another one means: what was read before cannot be continued. */
  readonly fingerprint: string;
}

/** $1: the table. $2: the outbox. $3: its state. $4: the function. $5: the names of the triggers. */
const question = `
select jsonb_build_object(
  'table', (select c.oid::bigint),
  'columns', coalesce((
    select jsonb_agg(jsonb_build_object(
      'name', a.attname, 'number', a.attnum, 'type', a.atttypid::bigint, 'modifier', a.atttypmod,
      'nullable', not a.attnotnull,
      'base', (
        with recursive under(oid, base) as (
          select y.oid, y.typbasetype from pg_type y where y.oid = a.atttypid
          union all select y.oid, y.typbasetype from pg_type y join under u on y.oid = u.base
        ) select oid::bigint from under where base = 0
      )) order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'primaryKey', coalesce((
    select jsonb_agg(a.attname order by array_position(i.indkey::int2[], a.attnum))
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary), '[]'),
  'outbox', to_regclass($2)::oid::bigint,
  'state', to_regclass($3)::oid::bigint,
  'mark', obj_description(to_regprocedure($4), 'pg_proc'),
  'triggers', coalesce((
    select jsonb_agg(jsonb_build_object('name', t.tgname, 'id', t.oid::bigint, 'enabled', t.tgenabled) order by t.tgname)
    from pg_trigger t where t.tgrelid = c.oid and t.tgname = any($5::text[])), '[]'),
  'partitions', coalesce((
    select jsonb_agg(jsonb_build_array(p.relid::oid::bigint, pg_relation_filenode(p.relid)::bigint) order by p.relid::oid)
    from pg_partition_tree(c.oid) p where p.isleaf and c.relkind = 'p'), '[]'))::text as described
from (select to_regclass($1)::oid as oid) named left join pg_class c on c.oid = named.oid`;

export async function describeOutbox(client: PgClient, { table, names }: OutboxTable): Promise<Described> {
  const { rows } = await client.query({
    name: 'prefetch-outbox-described',
    text: question,
    values: [
      quoteTable(table),
      quoteTable(names.outbox),
      quoteTable(names.state),
      `${quoteTable(names.outbox)}()`,
      Object.values(names.triggers),
    ],
    rowMode: 'array',
  });
  return JSON.parse(rows[0]?.[0] ?? '') as Described;
}

export function keyOf({ key }: OutboxTable, { primaryKey }: Described): readonly string[] {
  return key ?? primaryKey;
}

export function layoutOf(options: OutboxTable, described: Described, server: ServerIdentity): OutboxLayout {
  const key = keyOf(options, described);
  const sent = options.columns && [...new Set([...key, ...options.columns])];
  const all = described.columns;
  const published = sent ? sent.flatMap((name) => all.find((column) => column.name === name) ?? []) : all;
  const { table, outbox, state, mark, triggers, partitions } = described;
  const columns = all.map(({ name, number, type, modifier }) => [name, number, type, modifier]);
  const connected = triggers.map(({ name, id, enabled }) => [name, id, enabled]);
  const { system, timeline } = server;
  const facts = [
    [system, timeline, table, outbox, state, mark],
    [columns, connected, partitions, key, sent, options.where],
  ];
  return {
    columns: published.map(({ name, base }) => ({ name, type: base, isKey: key.includes(name) })),
    published: published.map(({ name, type }) => ({ name, type })),
    key,
    fingerprint: createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16),
  };
}
