import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RowLayout } from '../rows/row-layout.js';
import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';

/** The table as the publication shows it. */
export interface TableLayout extends RowLayout {
  readonly relation: number;
  readonly rowFilter: string | null;
  /** Another one means: what was read before cannot be continued. */
  readonly fingerprint: string;
}

interface Described {
  readonly relation: number;
  readonly publication: number;
  readonly published: readonly string[] | null;
  readonly rowFilter: string | null;
  readonly columns: readonly {
    name: string;
    type: number;
    base: number;
    generated: boolean;
    number: number;
    version: string;
    labels: string | null;
  }[];
  readonly partitions: readonly number[] | null;
  readonly publishes: readonly boolean[];
  readonly primaryKey: readonly string[];
  readonly uniqueKeys: readonly (readonly string[])[];
}

/**
 * The version of a column is that of its row in the catalogue: another one when all values were made anew, also by
 * `ALTER TYPE … USING` to the same type. The stream says nothing of that, of labels of enums that were renamed, and of
 * partitions with rows that come and go. A key that is not unique at each moment can be followed no more.
 *
 * `to_jsonb` because servers before Postgres 15 know neither column lists nor row filters, and those before 14 no
 * partitions that are still being detached.
 * $1: the table. $2: the publication. $3, $4: schema and name.
 */
const question = `
select jsonb_build_object(
  'relation', c.oid::bigint,
  'publication', p.oid::bigint,
  'published', to_jsonb(t) -> 'attnames',
  'rowFilter', to_jsonb(t) -> 'rowfilter',
  'columns', (
    select jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', a.atttypid::bigint, 'generated', a.attgenerated <> '',
      'number', a.attnum,
      'version', a.xmin::text,
      'labels', (
        with recursive inside(oid) as (
          select a.atttypid union
          select part.oid from inside join pg_type y on y.oid = inside.oid cross join lateral (
            select y.typbasetype union all select y.typelem union all
            select m.atttypid from pg_attribute m where m.attrelid = y.typrelid and m.attnum > 0) as part (oid)
        ) select string_agg(e.oid || e.enumlabel, '/' order by e.oid)
        from inside join pg_enum e on e.enumtypid = inside.oid),
      'base', (
        with recursive under(oid, base) as (
          select y.oid, y.typbasetype from pg_type y where y.oid = a.atttypid
          union all select y.oid, y.typbasetype from pg_type y join under u on y.oid = u.base
        ) select oid::bigint from under where base = 0
      )) order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'publishes', jsonb_build_array(p.pubviaroot, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate),
  'partitions', (
    with recursive tree(oid) as (
      select c.oid union all
      select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid
      where coalesce(to_jsonb(i) ->> 'inhdetachpending', 'false') = 'false'
    ) select jsonb_agg(tree.oid::bigint order by tree.oid) from tree where c.relkind = 'p'),
  'uniqueKeys', coalesce((
    select jsonb_agg((
      select jsonb_agg(a.attname order by a.attname) from pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[:i.indnkeyatts - 1])))
    from pg_index i
    where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null
    and i.indexprs is null), '[]'),
  'primaryKey', coalesce((
    select jsonb_agg(a.attname order by array_position(i.indkey::int2[], a.attnum))
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[:i.indnkeyatts - 1])
    where i.indrelid = c.oid and i.indisprimary), '[]'))::text as described
from pg_class c
join pg_publication p on p.pubname = $2
join pg_publication_tables t on t.pubname = p.pubname and t.schemaname = $3 and t.tablename = $4
where c.oid = to_regclass($1)`;

/** Undefined when there is no such table in such a publication. */
export async function readLayout(
  client: PgClient,
  options: Pick<ResolvedOptions, 'table' | 'publication' | 'columns' | 'key'>,
  system: string,
): Promise<TableLayout | undefined> {
  const { table, publication } = options;
  const { rows } = await client.query(question, [quoteTable(table), publication, table.schema, table.name]);
  const text = rows[0]?.['described'];
  return text ? layoutOf(JSON.parse(text) as Described, options, system) : undefined;
}

function layoutOf(
  { relation, publication, publishes, published, rowFilter, columns, partitions, ...keys }: Described,
  options: Pick<ResolvedOptions, 'columns' | 'key'>,
  system: string,
): TableLayout {
  const shown = columns.filter(({ name, generated }) => (published ? published.includes(name) : !generated));
  const key = options.key ?? keys.primaryKey;
  const isUnique = keys.uniqueKeys.some((unique) => isDeepStrictEqual(unique, [...key].sort()));
  const wanted = shown.filter(
    ({ name }) => !options.columns || options.columns.includes(name) || key.includes(name),
  );
  // With their numbers: a column that was dropped and added again has another one, and a default in every row.
  const places = shown.map(({ name, type, number, version, labels }) => [
    name,
    type,
    number,
    version,
    labels,
  ]);
  const table = [system, relation, partitions, key, isUnique, places];
  const facts = [...table, publication, publishes, rowFilter];
  const chosen = wanted.map(({ name }) => name);
  return {
    relation,
    columns: wanted.map(({ name, base }) => ({ name, type: base, isKey: key.includes(name) })),
    published: shown.map(({ name, type }) => ({ name, type })),
    key,
    rowFilter,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([...facts, chosen]))
      .digest('hex')
      .slice(0, 16),
  };
}
