import type { ResolvedOptions } from './options.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { ServerFacts } from './server-facts.js';

/** What makes the publication publish the table; undefined when it does, or when no SQL would help. */
export function publicationSql(facts: ServerFacts, options: ResolvedOptions): string | undefined {
  const { table, publication } = facts;
  if (!table || !['r', 'p'].includes(table.kind.charAt(0)) || publication?.hasTable) return undefined;
  const name = quoteName(options.publication);
  const target = targetOf(facts, options);
  if (publication) return `alter publication ${name} add table ${target}`;
  const viaRoot = table.kind.startsWith('p') ? ' with (publish_via_partition_root = true)' : '';
  return `create publication ${name} for table ${target}${viaRoot}`;
}

/** Column lists and row filters came with Postgres 15. */
function targetOf({ version, table }: ServerFacts, options: ResolvedOptions): string {
  const columns = options.columns && [
    ...new Set([
      ...options.columns,
      ...(options.key ?? table?.primaryKey ?? []),
      ...(table?.identityColumns ?? []),
    ]),
  ];
  const list = columns && version >= 150_000 ? ` (${columns.map(quoteName).join(', ')})` : '';
  const filter = options.where === undefined ? '' : ` where (${options.where})`;
  return `${quoteTable(options.table)}${list}${filter}`;
}
