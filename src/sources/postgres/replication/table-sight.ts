import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import { type TableLayout, readLayout } from './table-layout.js';

/** A table as one transaction sees it in the catalogue. */
export interface TableSight {
  readonly layout: TableLayout;
  /** In which files its rows are, those of its partitions too. */
  readonly files: string;
}

/** pg_class as the transaction sees it, where most functions would say what is there now. */
const question = `
select string_agg(c.oid || ':' || c.relfilenode, ' ' order by c.oid) as files
from pg_class c
where c.oid = to_regclass($1) or c.oid in (select relid from pg_partition_tree(to_regclass($1)))`;

/** Undefined when there is no such table in the publication. */
export async function lookAtTable(
  client: PgClient,
  options: ResolvedOptions,
  system: string,
): Promise<TableSight | undefined> {
  const layout = await readLayout(client, options, system);
  if (!layout) return undefined;
  const { rows } = await client.query(question, [quoteTable(options.table)]);
  return { layout, files: rows[0]?.['files'] ?? '' };
}

export function isSameSight(a: TableSight | undefined, b: TableSight | undefined): boolean {
  return a?.layout.fingerprint === b?.layout.fingerprint && a?.files === b?.files;
}
