import { type Finding, problem } from '../server/finding.js';
import type { ResolvedOptions } from './options.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { ServerFacts, TableFacts } from './server-facts.js';

/** What keeps the table from being read, or its rows from being told apart. */
export function* aboutTable(
  { role }: ServerFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const target = quoteTable(options.table);
  const unlogged = table.leaves.filter(({ isLogged }) => !isLogged);
  for (const leaf of unlogged) {
    yield problem(`${quoteTable(leaf)} is not an ordinary table whose changes are logged.`);
  }
  if (unlogged.length > 0) return;
  if (table.hasHeirs) {
    yield problem(
      `Other tables inherit from ${target}: their rows are in it, and their changes would not be.`,
    );
  }
  if (!table.isReadable) {
    yield problem(
      `The role ${role} may not read ${target}.`,
      `grant select on ${target} to ${quoteName(role)}`,
    );
  }
  if (table.isRowSecurityActive) {
    const text = `Row security hides rows of ${target} from the role ${role}, but not from the stream.`;
    yield problem(text, `alter role ${quoteName(role)} bypassrls`);
  }
  yield* aboutKey(table, options);
}

function* aboutKey(table: TableFacts, options: ResolvedOptions): Generator<Finding> {
  const target = quoteTable(options.table);
  const key = options.key ?? table.primaryKey;
  const names = table.columns.map(({ name }) => name);
  const unknown = [...key, ...(options.columns ?? [])].filter((name) => !names.includes(name));
  if (unknown.length > 0) yield problem(`${target} has no column ${unknown.join(', ')}.`);
  if (key.length === 0) {
    yield problem(`${target} has no primary key. Say with \`key\` what identifies a row.`);
  } else if (key.every((name) => names.includes(name))) {
    yield* aboutUniqueness(table, key, options);
  }
}

function* aboutUniqueness(
  table: TableFacts,
  key: readonly string[],
  options: ResolvedOptions,
): Generator<Finding> {
  const target = quoteTable(options.table);
  const list = key.join(', ');
  const covering = table.uniqueIndexes.filter(({ columns }) => columns.every((name) => key.includes(name)));
  if (covering.length === 0) {
    const how = table.isPartitioned ? 'unique index' : 'unique index concurrently';
    const text = `Nothing makes the key (${list}) of ${target} unique: several rows would be one record.`;
    yield problem(text, `create ${how} on ${target} (${key.map(quoteName).join(', ')})`);
  } else if (!covering.some(({ isImmediate }) => isImmediate)) {
    const text = `What makes the key (${list}) of ${target} unique is deferrable: rows that exchange their keys in one transaction would be lost. Make the constraint anew, not deferrable.`;
    yield problem(text);
  }
  const nullable = table.columns.filter(({ name, isNullable }) => isNullable && key.includes(name));
  if (nullable.length > 0) {
    const sql = nullable.map(({ name }) => `alter column ${quoteName(name)} set not null`).join(', ');
    const text = `The key (${list}) of ${target} may be null: such rows have no id.`;
    yield problem(text, `alter table ${target} ${sql}`);
  }
}
