import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import { type Described, describeOutbox } from './outbox-layout.js';
import { strangersQuery } from './strangers.js';

/** What there is to know before anything runs. */
export interface OutboxFacts extends Described {
  readonly version: number;
  readonly isStandby: boolean;
  readonly role: string;
  /** Null when there is no such table. */
  readonly access: TableAccess | null;
  readonly mayUseOutbox: boolean;
  readonly mayUseState: boolean;
  /** What has one of our names and is not ours: sentences. */
  readonly strangers: readonly string[];
  /** Null when there is no function. */
  readonly writer: OutboxWriter | null;
  /** How many transactions may be prepared for a commit in two phases. */
  readonly mostPrepared: number;
}

/** As whom the function that fills the outbox runs. */
export interface OutboxWriter {
  readonly role: string;
  readonly mayRead: boolean;
  readonly mayFill: boolean;
}

export interface UniqueKey {
  readonly columns: readonly string[];
  /** It holds at every moment, and not only when a transaction ends. */
  readonly isImmediate: boolean;
  /** Its columns are compared by operators of Postgres itself. */
  readonly isPlain: boolean;
}

export interface TableAccess {
  /** As in the catalogue, such as `rp`: a table that is logged. */
  readonly kind: string;
  readonly isReadable: boolean;
  readonly isRowSecurityActive: boolean;
  /** The function that fills the outbox runs as somebody from whom rows are hidden. */
  readonly isHiddenFromOwner: boolean;
  readonly hasChildren: boolean;
  /** Of the unique indexes that cover all rows. */
  readonly uniqueKeys: readonly UniqueKey[];
}

/** $1: the table. $2: the outbox. $3: its state. $4: the function. */
const question = (strangers: string) => `
select jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'isStandby', pg_is_in_recovery(),
  'role', current_user,
  'mayUseOutbox', coalesce((
    select has_schema_privilege(o.relnamespace, 'usage')
      and has_table_privilege(o.oid, 'select') and has_table_privilege(o.oid, 'delete')
    from pg_class o where o.oid = to_regclass($2)), false),
  'mayUseState', coalesce((
    select has_table_privilege(s.oid, 'select') and has_table_privilege(s.oid, 'update')
    from pg_class s where s.oid = to_regclass($3)), false),
  'strangers', coalesce((select jsonb_agg(stranger) from (${strangers}) as found), '[]'),
  'mostPrepared', current_setting('max_prepared_transactions')::int,
  'writer', (
    select jsonb_build_object(
      'role', pg_get_userbyid(p.proowner),
      'mayRead', coalesce((
        select has_table_privilege(p.proowner, c.oid, 'select') and has_schema_privilege(p.proowner, c.relnamespace, 'usage')
        from pg_class c where c.oid = to_regclass($1)), false),
      'mayFill', coalesce((
        select has_table_privilege(p.proowner, o.oid, 'insert') and has_schema_privilege(p.proowner, o.relnamespace, 'usage')
        from pg_class o where o.oid = to_regclass($2)), true))
    from pg_proc p where p.oid = to_regprocedure($4)),
  'access', (
    select jsonb_build_object(
      'kind', c.relkind::text || c.relpersistence::text,
      'isReadable', has_table_privilege(c.oid, 'select') and has_schema_privilege(c.relnamespace, 'usage'),
      'isRowSecurityActive', row_security_active(c.oid),
      'isHiddenFromOwner', c.relrowsecurity and exists (
        select from pg_roles r
        where r.oid = coalesce((select p.proowner from pg_proc p where p.oid = to_regprocedure($4)), c.relowner)
          and not r.rolsuper and not r.rolbypassrls
          and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage'))),
      'hasChildren', c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid),
      'uniqueKeys', coalesce((
        select jsonb_agg(jsonb_build_object(
          'columns', (
            select jsonb_agg(a.attname) from pg_attribute a
            where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])),
          'isImmediate', i.indimmediate,
          'isPlain', not exists (
            select from pg_opclass k
            join pg_amop m on m.amopfamily = k.opcfamily and m.amoplefttype = k.opcintype
              and m.amoprighttype = k.opcintype and m.amopstrategy = 3
            join pg_operator e on e.oid = m.amopopr
            where k.oid = any(i.indclass::oid[]) and e.oprnamespace <> 'pg_catalog'::regnamespace)))
        from pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null), '[]'))
    from pg_class c where c.oid = to_regclass($1)))::text as facts`;

export async function readFacts(client: PgClient, options: OutboxTable): Promise<OutboxFacts> {
  const { table, names } = options;
  const values = [...[table, names.outbox, names.state].map(quoteTable), `${quoteTable(names.outbox)}()`];
  // First, so that an outbox which somebody makes meanwhile is not one without rights.
  const described = await describeOutbox(client, options);
  const text = (await client.query(question(strangersQuery(options)), values)).rows[0]?.['facts'];
  return { ...(JSON.parse(text ?? '') as OutboxFacts), ...described };
}
