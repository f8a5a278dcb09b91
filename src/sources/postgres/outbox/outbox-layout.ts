import { createHash } from 'node:crypto';
import type { RowLayout } from '../rows/row-layout.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import { isWhole } from './outbox-triggers.js';
import type { ServerIdentity } from './server-identity.js';

export interface DescribedColumn {
  readonly name: string;
  readonly type: number;
  /** What is under a domain; else the type. */
  readonly base: number;
  readonly nullable: boolean;
  /** Another one when its values were made anew without a word: by another type, expression, or label of an enum. */
  readonly version: string;
}

export interface DescribedTrigger {
  /** The table itself, or one of its partitions. */
  readonly table: number;
  readonly name: string;
  readonly id: number;
  /** With `A` for enabled always. */
  readonly enabled: string;
  /** Another one when it was disabled, also when that is over. */
  readonly version: string;
  /** When it fires, as in the catalogue. */
  readonly kind: number;
  /** It calls our function, whatever the values are. */
  readonly isWhole: boolean;
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
  readonly triggers: readonly DescribedTrigger[];
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
      'name', a.attname, 'type', a.atttypid::bigint, 'nullable', not a.attnotnull, 'base', base.oid::bigint,
      'version', concat_ws(' ', a.xmin, (
        select d.xmin from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum and a.attgenerated <> ''), (
        select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e
        where e.enumtypid in (base.oid, base.typelem)))) order by a.attnum)
    from pg_attribute a cross join lateral (
      with recursive under as (
        select y.oid, y.typbasetype, y.typelem from pg_type y where y.oid = a.atttypid
        union all
        select y.oid, y.typbasetype, y.typelem from pg_type y join under u on y.oid = u.typbasetype
      ) select oid, typelem from under where typbasetype = 0) as base
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'primaryKey', coalesce((
    select jsonb_agg(a.attname order by array_position(i.indkey::int2[], a.attnum))
    from pg_index i join pg_attribute a
      on a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
    where i.indrelid = c.oid and i.indisprimary), '[]'),
  'outbox', to_regclass($2)::oid::bigint,
  'state', to_regclass($3)::oid::bigint,
  'mark', obj_description(to_regprocedure($4), 'pg_proc'),
  'triggers', coalesce((
    select jsonb_agg(jsonb_build_object(
      'table', t.tgrelid::bigint, 'name', t.tgname, 'id', t.oid::bigint, 'enabled', t.tgenabled, 'version', t.xmin::text,
      'kind', t.tgtype, 'isWhole', ${isWhole('to_regprocedure($4)')}) order by t.tgrelid, t.tgname)
    from pg_trigger t
    where (t.tgrelid = c.oid or t.tgrelid in (select relid from pg_partition_tree(c.oid))) and t.tgname = any($5::text[])),
    '[]'),
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
  const columns = all.map(({ name, type, version }) => [name, type, version]);
  const connected = triggers.map(({ table, name, id, enabled, version }) => [
    table,
    name,
    id,
    enabled,
    version,
  ]);
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
