import type { ResolvedOptions } from './options.js';
import { type Condition, readCondition } from './row-condition.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';

/** What there is to know before anything runs. */
export interface ServerFacts {
  readonly version: number;
  readonly isStandby: boolean;
  readonly walLevel: string;
  readonly role: string;
  readonly mayReplicate: boolean;
  /** In this database, which a publication needs. */
  readonly mayCreate: boolean;
  readonly slots: { readonly used: number; readonly most: number };
  readonly mostSenders: number;
  /** In megabytes; -1 is without end. */
  readonly mostKept: number;
  readonly table: TableFacts | null;
  readonly publication: PublicationFacts | null;
  readonly slot: {
    readonly plugin: string | null;
    readonly database: string | null;
    /** Not told by servers before Postgres 17. */
    readonly failover?: boolean;
  } | null;
  readonly database: string;
  /** What `where` says; null when there is none, or when the role cannot have it explained. */
  readonly condition: Condition | null;
}

export interface TableFacts {
  readonly isPartitioned: boolean;
  /** Other tables inherit from it, which are no partitions. */
  readonly hasHeirs: boolean;
  readonly isReadable: boolean;
  readonly isOwned: boolean;
  readonly isDeletable: boolean;
  readonly isRowSecurityActive: boolean;
  readonly columns: readonly {
    readonly name: string;
    readonly isNullable: boolean;
    /** `s` for stored, `v` for virtual. */
    readonly generated: 's' | 'v' | '';
  }[];
  readonly primaryKey: readonly string[];
  /** Indexes of all rows by columns. */
  readonly uniqueIndexes: readonly { readonly columns: readonly string[]; readonly isImmediate: boolean }[];
  readonly leaves: readonly Leaf[];
  /** Some publication lists columns of it. */
  readonly isListed: boolean;
  readonly hasValuesOutOfLine: boolean;
}

/** Where rows are: the table itself or, where it has any, one of its partitions. */
export interface Leaf {
  readonly schema: string;
  readonly name: string;
  /** It is a table, and its changes are in the log. */
  readonly isLogged: boolean;
  /** The columns that an update or delete tells of the old row. */
  readonly identity: readonly string[];
  /** The identity is the whole row. */
  readonly isWhole: boolean;
}

export interface PublicationFacts {
  readonly isOwned: boolean;
  /** It publishes the table, though perhaps only by the names of its partitions. */
  readonly hasTable: boolean;
  /** It names the table, where others have all tables or those of a schema. */
  readonly isNaming: boolean;
  readonly publishes: readonly string[];
  readonly viaRoot: boolean;
  readonly columns: readonly string[] | null;
  /** The columns are listed. */
  readonly isListing: boolean;
  readonly rowFilter: string | null;
  /** Which columns the row filter reads. */
  readonly filterColumns: readonly string[];
}

/**
 * `to_jsonb` because each version of Postgres has other columns.
 * $1: the table. $2: the publication. $3, $4: schema and name. $5: the slot.
 */
const question = `
with
  asked as (select * from pg_class where oid = to_regclass($1)),
  partitions as (select p.relid from asked, pg_partition_tree(asked.oid) p where p.isleaf),
  leaves as (
    select l.* from pg_class l
    where l.oid in (select relid from partitions)
    or l.oid in (select oid from asked) and not exists (select from partitions)),
  keys as (
    select i.*, (
      select jsonb_agg(a.attname) from pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])) as columns
    from pg_index i
    where i.indrelid in (select oid from asked union all select oid from leaves)
    and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null),
  named as (
    select pr.prpubid, pr.prrelid, to_jsonb(pr) as told from pg_publication_rel pr)
select jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'isStandby', pg_is_in_recovery(),
  'walLevel', current_setting('wal_level'),
  'role', current_user,
  'database', current_database(),
  'mayCreate', has_database_privilege(current_database(), 'create'),
  'mayReplicate', (
    select r.rolsuper or r.rolreplication or exists (
      select from pg_roles m where m.rolname in ('rds_replication', 'rds_superuser') and pg_has_role(r.oid, m.oid, 'member'))
    from pg_roles r where r.rolname = current_user),
  'slots', jsonb_build_object(
    'used', (select count(*) from pg_replication_slots),
    'most', current_setting('max_replication_slots')::int),
  'mostSenders', current_setting('max_wal_senders')::int,
  'mostKept', (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size'),
  'slot', (select to_jsonb(s) from pg_replication_slots s where s.slot_name = $5),
  'publication', (
    select jsonb_build_object(
      'isOwned', pg_has_role(p.pubowner, 'usage'),
      'hasTable', t.tablename is not null or c.relkind = 'p' and (p.puballtables or n.told is not null),
      'isNaming', n.told is not null,
      'viaRoot', p.pubviaroot,
      'publishes', to_jsonb(array_remove(array[
        case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end], null)),
      'columns', to_jsonb(t) -> 'attnames',
      'isListing', n.told ->> 'prattrs' is not null,
      'rowFilter', to_jsonb(t) -> 'rowfilter',
      'filterColumns', coalesce((
        select jsonb_agg(distinct a.attname)
        from regexp_matches(n.told ->> 'prqual', ':varattno ([0-9]+)', 'g') as found(numbers)
        join pg_attribute a on a.attrelid = n.prrelid and a.attnum = numbers[1]::int), '[]'))
    from pg_publication p
    left join asked c on true
    left join named n on n.prpubid = p.oid and n.prrelid = c.oid
    left join pg_publication_tables t on t.pubname = p.pubname and t.schemaname = $3 and t.tablename = $4
    where p.pubname = $2),
  'table', (
    select jsonb_build_object(
      'isPartitioned', c.relkind = 'p',
      'hasHeirs', c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid),
      'isReadable', has_table_privilege(c.oid, 'select') and has_schema_privilege(c.relnamespace, 'usage'),
      'isOwned', pg_has_role(c.relowner, 'usage'),
      'isDeletable', has_table_privilege(c.oid, 'delete'),
      'isRowSecurityActive', row_security_active(c.oid),
      'columns', coalesce((
        select jsonb_agg(jsonb_build_object(
          'name', a.attname, 'isNullable', not a.attnotnull, 'generated', a.attgenerated))
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
      'primaryKey', coalesce((select k.columns from keys k where k.indrelid = c.oid and k.indisprimary), '[]'),
      'uniqueIndexes', coalesce((
        select jsonb_agg(jsonb_build_object('columns', k.columns, 'isImmediate', k.indimmediate))
        from keys k where k.indrelid = c.oid), '[]'),
      'leaves', (
        select jsonb_agg(jsonb_build_object(
          'schema', (select n.nspname from pg_namespace n where n.oid = l.relnamespace),
          'name', l.relname,
          'isLogged', l.relkind in ('r', 'p') and l.relpersistence = 'p',
          'isWhole', l.relreplident = 'f',
          'identity', coalesce(
            case l.relreplident
              when 'f' then (
                select jsonb_agg(a.attname) from pg_attribute a
                where a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped)
              when 'i' then (select k.columns from keys k where k.indrelid = l.oid and k.indisreplident)
              when 'd' then (
                select k.columns from keys k where k.indrelid = l.oid and k.indisprimary and k.indimmediate)
            end, '[]'))
          order by l.relname) from leaves l),
      'isListed', exists (
        select from named n where n.told ->> 'prattrs' is not null
        and (n.prrelid = c.oid or n.prrelid in (select oid from leaves))),
      'hasValuesOutOfLine', exists (
        select from leaves l where l.reltoastrelid <> 0 and pg_relation_size(l.reltoastrelid) > 0))
    from asked c))::text as facts`;

export async function readFacts(client: PgClient, options: ResolvedOptions): Promise<ServerFacts> {
  const { table, publication, slot } = options;
  const values = [quoteTable(table), publication, table.schema, table.name, slot];
  const text = (await client.query(question, values)).rows[0]?.['facts'];
  const facts = JSON.parse(text ?? '') as Omit<ServerFacts, 'condition'>;
  return { ...facts, condition: facts.table && (await readCondition(client, options)) };
}
