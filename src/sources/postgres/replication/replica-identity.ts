import { type Finding, problem, warning } from '../server/finding.js';
import { quoteTable } from '../server/quoting.js';
import type { Leaf, ServerFacts, TableFacts } from './server-facts.js';

/** Those of which an update or delete would not tell all of the columns. */
export function leavesWithout({ leaves }: TableFacts, columns: readonly string[]): readonly Leaf[] {
  return leaves.filter(({ identity }) => columns.some((name) => !identity.includes(name)));
}

/** What `replica identity full` would mend, with the SQL where that can be run without harm. */
export function mendedByWholeRows(
  level: 'problem' | 'warning',
  text: string,
  { version }: ServerFacts,
  { isListed, columns }: TableFacts,
  leaves: readonly Leaf[],
): Finding {
  const report = level === 'problem' ? problem : warning;
  const but = (why: string) => report(`${text} \`replica identity full\` would mend it, but ${why}.`);
  if (isListed) return but('then no publication may list columns of the table, and one does');
  if (version >= 180_000 && columns.some(({ generated }) => generated !== '')) {
    return but('then every publication of the table has to have `publish_generated_columns = stored`');
  }
  return report(
    text,
    leaves.map((leaf) => `alter table ${quoteTable(leaf)} replica identity full`).join('; '),
  );
}

/** Which columns that Postgres computes are in an identity. Before version 18 that does not matter. */
export function generatedInIdentity(
  { version }: ServerFacts,
  { columns, leaves }: TableFacts,
): 's' | 'v' | '' {
  if (version < 180_000) return '';
  const told = columns.filter(({ name }) => leaves.some(({ identity }) => identity.includes(name)));
  if (told.some(({ generated }) => generated === 'v')) return 'v';
  return told.some(({ generated }) => generated === 's') ? 's' : '';
}
