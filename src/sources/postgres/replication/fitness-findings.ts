import { type Finding, problem } from '../server/finding.js';
import type { ResolvedOptions } from './options.js';
import { republishingSql } from './publication-sql.js';
import { generatedInIdentity, leavesWithout, mendedByWholeRows } from './replica-identity.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { PublicationFacts, ServerFacts, TableFacts } from './server-facts.js';

const refusal = 'Postgres refuses every UPDATE and DELETE of a table that is published like this.';

/** Whether the table can be published as it is asked for, and the application still write it. */
export function* aboutFitness(
  facts: ServerFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  yield* aboutIdentity(facts, table, options);
  yield* aboutCondition(facts, table, options);
  if (facts.publication?.hasTable) yield* aboutList(facts, facts.publication, table, options);
  yield* aboutGenerated(facts, table, options);
}

function* aboutIdentity(facts: ServerFacts, table: TableFacts, options: ResolvedOptions): Generator<Finding> {
  const target = quoteTable(options.table);
  const key = options.key ?? table.primaryKey;
  const bare = table.leaves.filter(({ identity }) => identity.length === 0);
  const keyless = leavesWithout(table, key);
  if (bare.length > 0) {
    const text = `${target} has no replica identity: published like this, every UPDATE and DELETE of your application would fail.`;
    yield mendedByWholeRows('problem', text, facts, table, bare);
  } else if (keyless.length > 0) {
    const text = `The key (${key.join(', ')}) is not in the replica identity of ${target}: a delete would not say of which record.`;
    yield mendedByWholeRows('problem', text, facts, table, keyless);
  }
  const partial = table.leaves.filter(({ isWhole }) => !isWhole);
  if (options.map && table.hasValuesOutOfLine && partial.length > 0) {
    const text = `${target} has long values that Postgres does not send when they did not change. A \`map\` that reads them cannot do so then, and the change becomes a dead letter.`;
    yield mendedByWholeRows('warning', text, facts, table, partial);
  }
}

function* aboutCondition(
  facts: ServerFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const { condition, publication } = facts;
  const target = quoteTable(options.table);
  if (condition?.refused !== undefined) {
    yield problem(`\`where\` is no condition of ${target}: ${condition.refused}.`);
  }
  const inForce = publication?.hasTable ? publication.filterColumns : [];
  const read = [...new Set([...inForce, ...(condition?.columns ?? [])])];
  const unfit = leavesWithout(table, read);
  if (unfit.length === 0) return;
  const missing = read.filter((name) => unfit.some(({ identity }) => !identity.includes(name)));
  const text = `The condition reads ${missing.join(', ')}, which is not in the replica identity of ${target}: ${refusal}`;
  yield mendedByWholeRows('problem', text, facts, table, unfit);
}

function* aboutList(
  facts: ServerFacts,
  { isListing, columns }: PublicationFacts,
  { leaves }: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  if (!isListing || !columns) return;
  const unlisted = leaves.flatMap(({ identity }) => identity).filter((name) => !columns.includes(name));
  const name = quoteName(options.publication);
  const target = quoteTable(options.table);
  if (unlisted.length > 0) {
    const missing = [...new Set(unlisted)].join(', ');
    const text = `The publication ${name} lists columns without ${missing}, which is in the replica identity of ${target}: ${refusal}`;
    yield problem(text, republishingSql(facts, options));
  } else if (leaves.some(({ isWhole }) => isWhole)) {
    const text = `The publication ${name} lists columns of ${target}, whose replica identity is the whole row: ${refusal}`;
    yield problem(text, republishingSql(facts, options));
  }
}

function* aboutGenerated(
  facts: ServerFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const { publication } = facts;
  const target = quoteTable(options.table);
  const generated = generatedInIdentity(facts, table);
  if (generated === 'v') {
    yield problem(
      `Columns in the replica identity of ${target} are virtual, and cannot be published: ${refusal}`,
    );
  } else if (generated === 's' && publication?.columns && !publication.isListing) {
    const told = publication.columns;
    const unpublished = table.columns.filter(
      ({ name, generated: how }) => how === 's' && !told.includes(name),
    );
    if (unpublished.length === 0) return;
    const name = quoteName(options.publication);
    const text = `The publication ${name} leaves out generated columns that are in the replica identity of ${target}: ${refusal}`;
    yield problem(text, `alter publication ${name} set (publish_generated_columns = stored)`);
  }
}
