import type { ResolvedOptions } from './options.js';
import { generatedInIdentity, leavesWithout } from './replica-identity.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { ServerFacts } from './server-facts.js';

/** What makes the publication publish the table; undefined when it does, or when no SQL would help. */
export function publicationSql(facts: ServerFacts, options: ResolvedOptions): string | undefined {
  const { table, publication } = facts;
  if (!table?.leaves.every(({ isLogged }) => isLogged) || publication?.hasTable) return undefined;
  const name = quoteName(options.publication);
  const target = targetOf(facts, options);
  if (publication) return `alter publication ${name} add table ${target}`;
  const settings = [
    ...(table.isPartitioned ? ['publish_via_partition_root = true'] : []),
    // Else the identity would be in part unpublished, and Postgres refuses to write such a table.
    ...(generatedInIdentity(facts, table) === 's' ? ['publish_generated_columns = stored'] : []),
  ];
  return `create publication ${name} for table ${target}${settings.length > 0 ? ` with (${settings.join(', ')})` : ''}`;
}

/** What publishes the table anew, as the options say; undefined when that is not possible without harm. */
export function republishingSql(facts: ServerFacts, options: ResolvedOptions): string | undefined {
  const { publication, table, condition } = facts;
  if (!table || !publication?.isNaming) return undefined;
  const read = options.where === undefined ? publication.filterColumns : condition?.columns;
  if (!read || condition?.refused !== undefined || leavesWithout(table, read).length > 0) return undefined;
  const name = quoteName(options.publication);
  const where = options.where ?? publication.rowFilter ?? undefined;
  return [
    'begin',
    `alter publication ${name} drop table ${quoteTable(options.table)}`,
    `alter publication ${name} add table ${targetOf(facts, { ...options, where })}`,
    'commit',
  ].join('; ');
}

/** Column lists and row filters came with Postgres 15. */
function targetOf({ version, table }: ServerFacts, options: ResolvedOptions): string {
  const isWhole = table?.leaves.some((leaf) => leaf.isWhole); // Postgres takes no list of columns then
  const columns = options.columns && [
    ...new Set([
      ...options.columns,
      ...(options.key ?? table?.primaryKey ?? []),
      ...(table?.leaves ?? []).flatMap(({ identity }) => identity),
    ]),
  ];
  const list = columns && !isWhole && version >= 150_000 ? ` (${columns.map(quoteName).join(', ')})` : '';
  const filter = options.where === undefined ? '' : ` where (${options.where})`;
  return `${quoteTable(options.table)}${list}${filter}`;
}
