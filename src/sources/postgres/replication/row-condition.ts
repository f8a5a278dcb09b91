import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { isPassing } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';

/** A condition as the server understands it. */
export interface Condition {
  /** As the server writes it. */
  readonly text: string;
  /** Those that it reads. */
  readonly columns: readonly string[];
  /** Why it is none. */
  readonly refused?: string;
}

const question = `
select jsonb_build_object(
  'text', pg_get_expr(c.conbin, c.conrelid),
  'columns', coalesce((
    select jsonb_agg(a.attname) from pg_attribute a
    where a.attrelid = c.conrelid and a.attnum = any(c.conkey)), '[]'))::text as condition
from pg_constraint c where c.conrelid = 'pg_temp.prefetch_condition'::regclass and c.contype = 'c'`;

/**
 * Has the server explain `where`, as the check of a table that is never there. Null when there is none, or when it
 * cannot be explained here: the role may create no temporary tables, or the server is a standby.
 */
export async function readCondition(
  client: PgClient,
  { table, where }: ResolvedOptions,
): Promise<Condition | null> {
  if (where === undefined) return null;
  try {
    await client.query('begin');
    await client.query(
      `create temporary table prefetch_condition (like ${quoteTable(table)}, check (${where}))`,
    );
    const { rows } = await client.query(question);
    return JSON.parse(rows[0]?.['condition'] ?? 'null') as Condition | null;
  } catch (error) {
    if (isPassing(error)) throw error;
    const { code, message } = error as { readonly code?: string; readonly message?: string };
    const isWrong = code?.startsWith('42') === true && code !== '42501';
    return isWrong ? { text: where, columns: [], refused: message ?? code } : null;
  } finally {
    await client.query('rollback').catch(() => undefined); // the line broke, and that is known
  }
}
