import { type Finding, problem, warning } from '../server/finding.js';
import type { ResolvedOptions } from './options.js';
import { publicationSql, republishingSql } from './publication-sql.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { PublicationFacts, ServerFacts, TableFacts } from './server-facts.js';

const operations = ['insert', 'update', 'delete', 'truncate'];

/** Whether the source makes the publication publish the table, as soon as nothing else is in the way. */
export function publishesItself(facts: ServerFacts, { create }: ResolvedOptions): boolean {
  return create && !facts.isStandby && lackingToPublish(facts).length === 0;
}

/** @param isFit no SQL is given that would keep the application from writing its table */
export function* aboutPublication(
  facts: ServerFacts,
  options: ResolvedOptions,
  isFit: boolean,
): Generator<Finding> {
  const { publication, table } = facts;
  const name = quoteName(options.publication);
  const sql = publicationSql(facts, options);
  if (sql !== undefined && !publishesItself(facts, options)) {
    yield problem(notPublished(facts, options, isFit), isFit ? sql : undefined);
  }
  if (!publication) return;
  const unpublished = operations.filter((operation) => !publication.publishes.includes(operation));
  if (unpublished.length > 0) {
    const text = `The publication ${name} leaves out: ${unpublished.join(', ')}.`;
    yield problem(
      text,
      isFit ? `alter publication ${name} set (publish = '${operations.join(', ')}')` : undefined,
    );
  }
  if (table?.isPartitioned && !publication.viaRoot) {
    const text = `The publication ${name} tells of partitions, not of their table.`;
    yield problem(
      text,
      isFit ? `alter publication ${name} set (publish_via_partition_root = true)` : undefined,
    );
  } else if (publication.hasTable && table) {
    yield* aboutColumns(facts, publication, table, options);
    yield* aboutFilter(facts, publication, options);
  }
}

function notPublished(facts: ServerFacts, options: ResolvedOptions, isFit: boolean): string {
  const target = quoteTable(options.table);
  const what = facts.publication ? `does not publish ${target}` : 'is not there';
  const first = `The publication ${quoteName(options.publication)} ${what}`;
  if (!isFit) return `${first}. The SQL for it will be here when the table is fit to be published.`;
  const lacking = lackingToPublish(facts);
  if (!options.create || lacking.length === 0) return `${first}.`;
  return `${first}. For that the role ${facts.role} needs ${lacking.join(' and ')}. Or somebody who may runs this:`;
}

function lackingToPublish({ mayCreate, database, role, publication, table }: ServerFacts): string[] {
  const grant = `grant create on database ${quoteName(database)} to ${quoteName(role)}`;
  return [
    ...(publication || mayCreate ? [] : [`CREATE on the database (${grant})`]),
    ...(!publication || publication.isOwned ? [] : ['to own the publication']),
    ...(!table || table.isOwned ? [] : ['to own the table']),
  ];
}

function* aboutColumns(
  facts: ServerFacts,
  { columns }: PublicationFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const wanted = [...(options.columns ?? []), ...(options.key ?? table.primaryKey)];
  const there = wanted.filter((wish) => table.columns.some(({ name }) => name === wish));
  const missing = columns ? there.filter((column) => !columns.includes(column)) : [];
  if (missing.length === 0) return;
  const text = `The publication ${quoteName(options.publication)} leaves out columns: ${missing.join(', ')}.`;
  yield problem(text, republishingSql(facts, options));
}

function* aboutFilter(
  facts: ServerFacts,
  { rowFilter, isNaming }: PublicationFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const { condition } = facts;
  const name = quoteName(options.publication);
  const sql = republishingSql(facts, options);
  if (options.where === undefined) {
    if (rowFilter === null) return;
    yield warning(
      `The publication ${name} has only the rows with \`${rowFilter}\`, and no \`where\` was given.`,
    );
  } else if (rowFilter === null) {
    const text = `The publication ${name} has no row filter, and \`where\` was given.`;
    const more = ' It names no tables, so it can have none: choose another name with `publication`.';
    yield problem(isNaming ? text : text + more, sql);
  } else if (!condition) {
    yield warning(
      `The publication ${name} has only the rows with \`${rowFilter}\`, whatever \`where\` says.`,
    );
  } else if (condition.refused === undefined && condition.text !== rowFilter) {
    const text = `The publication ${name} has only the rows with \`${rowFilter}\`, and \`where\` says \`${condition.text}\`.`;
    yield problem(text, sql);
  }
}
