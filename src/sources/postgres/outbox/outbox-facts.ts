import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import { type Described, describeOutbox } from './outbox-layout.js';

/** What there is to know before anything runs. */
export interface OutboxFacts extends Described {
  readonly version: number;
  readonly isStandby: boolean;
  readonly role: string;
  /** Null when there is no such table. */
  readonly access: TableAccess | null;
  readonly mayUseOutbox: boolean;
  readonly mayUseState: boolean;
}

export interface TableAccess {
  /** As in the catalogue, such as `rp`: a table that is logged. */
  readonly kind: string;
  readonly isReadable: boolean;
  readonly isRowSecurityActive: boolean;
  /** The function that fills the outbox runs as somebody from whom rows are hidden. */
  readonly isHiddenFromOwner: boolean;
  readonly hasChildren: boolean;
  /** The columns of each unique index that covers all rows. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

/** $1: the table. $2: the outbox. $3: its state. */
const question = `
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
  'access', (
    select jsonb_build_object(
      'kind', c.relkind::text || c.relpersistence::text,
      'isReadable', has_table_privilege(c.oid, 'select') and has_schema_privilege(c.relnamespace, 'usage'),
      'isRowSecurityActive', row_security_active(c.oid),
      'isHiddenFromOwner', c.relrowsecurity and c.relforcerowsecurity and not exists (
        select from pg_roles r where r.oid = c.relowner and (r.rolsuper or r.rolbypassrls)),
      'hasChildren', c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid),
      'uniqueKeys', coalesce((
        select jsonb_agg((
          select jsonb_agg(a.attname) from pg_attribute a
          where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])))
        from pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null), '[]'))
    from pg_class c where c.oid = to_regclass($1)))::text as facts`;

export async function readFacts(client: PgClient, options: OutboxTable): Promise<OutboxFacts> {
  const { table, names } = options;
  const values = [table, names.outbox, names.state].map(quoteTable);
  const text = (await client.query(question, values)).rows[0]?.['facts'];
  return { ...(JSON.parse(text ?? '') as OutboxFacts), ...(await describeOutbox(client, options)) };
}
