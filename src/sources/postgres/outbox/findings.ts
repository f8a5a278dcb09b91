import { type Finding, problem } from '../server/finding.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import type { OutboxFacts, TableAccess } from './outbox-facts.js';
import { keyOf } from './outbox-layout.js';
import { creationSql, markOf } from './outbox-sql.js';

const oldestVersion = 130_000;

/** What is in the way of an outbox, and of reading it. */
export function findProblems(facts: OutboxFacts, options: OutboxTable): Finding[] {
  const inTheWay = [...aboutTable(facts, options)];
  // Only a table that is fit for it can have one.
  return inTheWay.length > 0 ? inTheWay : [...aboutOutbox(facts, options)];
}

function* aboutTable(facts: OutboxFacts, options: OutboxTable): Generator<Finding> {
  const target = quoteTable(options.table);
  if (facts.version < oldestVersion) yield problem('Postgres 13 or newer is needed.');
  if (facts.isStandby)
    yield problem('This server is a standby. Nothing can be deleted from an outbox there.');
  if (!facts.access) {
    yield problem(`There is no table ${target} in this database.`);
    return;
  }
  if (!['rp', 'pp'].includes(facts.access.kind)) {
    yield problem(`${target} is not an ordinary table that outlives a crash.`);
    return;
  }
  yield* aboutAccess(facts, facts.access, options);
  yield* aboutKey(facts, facts.access, options);
}

function* aboutAccess(facts: OutboxFacts, access: TableAccess, options: OutboxTable): Generator<Finding> {
  const target = quoteTable(options.table);
  const role = quoteName(facts.role);
  if (!access.isReadable)
    yield problem(`The role ${facts.role} may not read ${target}.`, `grant select on ${target} to ${role}`);
  else if (access.isRowSecurityActive) {
    const text = `Row security hides rows of ${target} from the role ${facts.role}.`;
    yield problem(text, `alter role ${role} bypassrls`);
  }
  if (access.isHiddenFromOwner) {
    const text = `Row security hides rows of ${target} from its owner, and so from the trigger.`;
    yield problem(text, `alter table ${target} no force row level security`);
  }
  if (access.hasChildren) {
    yield problem(`Other tables inherit from ${target}: their rows are in it, but its triggers not on them.`);
  }
}

function* aboutKey(facts: OutboxFacts, access: TableAccess, options: OutboxTable): Generator<Finding> {
  const target = quoteTable(options.table);
  const key = keyOf(options, facts);
  const columns = new Map(facts.columns.map((column) => [column.name, column]));
  const unknown = [...key, ...(options.columns ?? [])].filter((name) => !columns.has(name));
  if (key.length === 0)
    yield problem(`${target} has no primary key. Say with \`key\` what identifies a row.`);
  if (unknown.length > 0) yield problem(`${target} has no column ${unknown.join(', ')}.`);
  if (key.length === 0 || unknown.length > 0) return;
  const list = key.map(quoteName).join(', ');
  if (!access.uniqueKeys.some((unique) => isSame(unique, key))) {
    const text = `${target} has no unique index on exactly (${list}).`;
    yield problem(text, `create unique index on ${target} (${list})`);
  }
  for (const name of key) {
    if (!columns.get(name)?.nullable) continue;
    const text = `The column ${name} of the key may be null.`;
    yield problem(text, `alter table ${target} alter column ${quoteName(name)} set not null`);
  }
}

function* aboutOutbox(facts: OutboxFacts, options: OutboxTable): Generator<Finding> {
  const { outbox, state } = options.names;
  const role = quoteName(facts.role);
  const why = whyNotFilled(facts, options);
  if (why !== undefined) yield problem(why, creationSql(options, keyOf(options, facts)));
  if (facts.outbox !== null && !facts.mayUseOutbox) {
    const text = `The role ${facts.role} may not read and delete in ${quoteTable(outbox)}.`;
    yield problem(
      text,
      `grant usage on schema ${quoteName(outbox.schema)} to ${role}; grant select, delete on ${quoteTable(outbox)} to ${role}`,
    );
  }
  if (facts.state !== null && !facts.mayUseState) {
    const text = `The role ${facts.role} may not read and update ${quoteTable(state)}.`;
    yield problem(text, `grant select, update on ${quoteTable(state)} to ${role}`);
  }
}

/** Undefined when every change comes to the outbox. */
export function whyNotFilled(facts: OutboxFacts, options: OutboxTable): string | undefined {
  const { names, notify } = options;
  const outbox = quoteTable(names.outbox);
  if (facts.outbox === null || facts.state === null) return `The outbox ${outbox} is not there.`;
  if (facts.mark === null) return `The function ${outbox}() is not there, or is not ours.`;
  if (facts.mark !== markOf(options, keyOf(options, facts))) {
    return `The outbox ${outbox} is filled for other options, or by another version. A second dataset of the table needs its own: choose a name with \`outbox\`.`;
  }
  const { row, truncate, notify: wake } = names.triggers;
  for (const name of notify ? [row, truncate, wake] : [row, truncate]) {
    const trigger = facts.triggers.find((found) => found.name === name);
    if (!trigger) return `The trigger ${name} is not there.`;
    if (trigger.enabled !== 'A') return `The trigger ${name} was disabled.`;
  }
  return undefined;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
