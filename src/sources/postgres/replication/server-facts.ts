import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';

/** What there is to know before anything runs. */
export interface ServerFacts {
  readonly version: number;
  readonly isStandby: boolean;
  readonly walLevel: string;
  readonly role: string;
  readonly mayReplicate: boolean;
  readonly slots: { readonly used: number; readonly most: number };
  readonly mostSenders: number;
  /** In megabytes; -1 is without end. */
  readonly mostKept: number;
  readonly table: TableFacts | null;
  readonly publication: PublicationFacts | null;
  readonly slot: {
    readonly plugin: string | null;
    readonly database: string | null;
    readonly wal_status: string | null;
  } | null;
  readonly database: string;
}

export interface TableFacts {
  readonly kind: string;
  readonly isReadable: boolean;
  readonly isRowSecurityActive: boolean;
  readonly columns: readonly { readonly name: string; readonly nullable: boolean }[];
  readonly primaryKey: readonly string[];
  /** `d`, `n`, `f` or `i` of the table, or of each of its partitions. */
  readonly identities: readonly string[];
  readonly identityColumns: readonly string[];
  readonly hasValuesOutOfLine: boolean;
}

export interface PublicationFacts {
  readonly hasTable: boolean;
  readonly isForAllTables: boolean;
  readonly publishes: readonly string[];
  readonly viaRoot: boolean;
  readonly columns: readonly string[] | null;
  readonly rowFilter: string | null;
}

/** $1: the table. $2: the publication. $3, $4: schema and name. $5: the slot. */
const question = `
select jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'isStandby', pg_is_in_recovery(),
  'walLevel', current_setting('wal_level'),
  'role', current_user,
  'database', current_database(),
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
      'hasTable', t.tablename is not null,
      'isForAllTables', p.puballtables,
      'viaRoot', p.pubviaroot,
      'publishes', to_jsonb(array_remove(array[
        case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end], null)),
      'columns', to_jsonb(t) -> 'attnames',
      'rowFilter', to_jsonb(t) -> 'rowfilter')
    from pg_publication p
    left join pg_publication_tables t on t.pubname = p.pubname and t.schemaname = $3 and t.tablename = $4
    where p.pubname = $2),
  'table', (
    select jsonb_build_object(
      'kind', c.relkind::text || c.relpersistence::text,
      'isReadable', has_table_privilege(c.oid, 'select') and has_schema_privilege(c.relnamespace, 'usage'),
      'isRowSecurityActive', row_security_active(c.oid),
      'columns', (
        select jsonb_agg(jsonb_build_object('name', a.attname, 'nullable', not a.attnotnull))
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
      'primaryKey', coalesce((
        select jsonb_agg(a.attname) from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary), '[]'),
      'identities', (
        select jsonb_agg(distinct l.relreplident) from pg_class l
        where l.oid = c.oid and c.relkind <> 'p'
        or l.oid in (select relid from pg_partition_tree(c.oid) where isleaf) and c.relkind = 'p'),
      'identityColumns', coalesce((
        select jsonb_agg(a.attname) from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid
        and case c.relreplident when 'i' then i.indisreplident when 'd' then i.indisprimary end), '[]'),
      'hasValuesOutOfLine', c.reltoastrelid <> 0 and pg_relation_size(c.reltoastrelid) > 0)
    from pg_class c where c.oid = to_regclass($1)))::text as facts`;

export async function readFacts(
  client: PgClient,
  { table, publication, slot }: ResolvedOptions,
): Promise<ServerFacts> {
  const values = [quoteTable(table), publication, table.schema, table.name, slot];
  const text = (await client.query(question, values)).rows[0]?.['facts'];
  return JSON.parse(text ?? '') as ServerFacts;
}
