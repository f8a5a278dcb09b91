import { type Finding, problem, warning } from '../server/finding.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import type { OutboxTable } from './options.js';
import type { OutboxFacts, TableAccess } from './outbox-facts.js';
import { type Described, keyOf } from './outbox-layout.js';
import { creationSql, markOf } from './outbox-sql.js';
import { wantedTriggers } from './outbox-triggers.js';

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
    const text = `Row security hides rows of ${target} from the owner of the trigger's function.`;
    const sql = facts.writer
      ? `alter role ${quoteName(facts.writer.role)} bypassrls`
      : `alter table ${target} no force row level security`;
    yield problem(text, sql);
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
  const unique = access.uniqueKeys.filter((found) => isSame(found.columns, key));
  const immediate = unique.filter(({ isImmediate }) => isImmediate);
  if (immediate.length === 0) {
    const text =
      unique.length === 0
        ? `${target} has no unique index on exactly (${list}).`
        : `The unique key (${list}) of ${target} is deferrable: writers of one row do not wait for each other then.`;
    yield problem(text, `create unique index on ${target} (${list})`);
  } else if (!immediate.some(({ isPlain }) => isPlain)) {
    yield problem(
      `The key (${list}) of ${target} is of a type of an extension, which the trigger cannot look up. Choose other columns with \`key\`.`,
    );
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
  for (const stranger of facts.strangers) yield problem(stranger);
  if (facts.strangers.length > 0) return;
  yield* aboutTriggers(facts, options);
  yield* aboutWriter(facts, options);
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
  if (options.notify && facts.mostPrepared > 0) {
    const text =
      'max_prepared_transactions is not 0. With `notify`, PREPARE TRANSACTION fails after a write to the table.';
    yield warning(text);
  }
}

function* aboutTriggers(facts: OutboxFacts, options: OutboxTable): Generator<Finding> {
  const disabled = facts.triggers.find(({ enabled }) => enabled === 'D');
  const why = whyNotFilled(facts, options);
  if (disabled) {
    // Who did that, perhaps for an import, decides when it is over.
    const text = `The trigger ${disabled.name} is disabled, and only somebody else enables it again.`;
    yield problem(text, `alter table ${quoteTable(options.table)} ${enabling(options)}`);
  } else if (why !== undefined) {
    yield problem(why, creationSql(options, keyOf(options, facts)));
  }
}

function enabling(options: OutboxTable): string {
  return wantedTriggers(options)
    .map(({ name }) => `enable always trigger ${quoteName(name)}`)
    .join(', ');
}

function* aboutWriter({ writer }: OutboxFacts, { table, names }: OutboxTable): Generator<Finding> {
  if (!writer || (writer.mayRead && writer.mayFill)) return;
  const [target, outbox] = [quoteTable(table), quoteTable(names.outbox)];
  const role = quoteName(writer.role);
  const text = `The function ${outbox}() runs as its owner ${writer.role}, who may not`;
  if (!writer.mayRead) yield problem(`${text} read ${target}.`, `grant select on ${target} to ${role}`);
  if (!writer.mayFill) yield problem(`${text} write to ${outbox}.`, `grant insert on ${outbox} to ${role}`);
}

/** Undefined when every change comes to the outbox. */
export function whyNotFilled(described: Described, options: OutboxTable): string | undefined {
  const outbox = quoteTable(options.names.outbox);
  if (described.outbox === null || described.state === null) return `The outbox ${outbox} is not there.`;
  if (described.mark === null) return `The function ${outbox}() is not there, or is not ours.`;
  if (described.mark !== markOf(options, keyOf(options, described))) {
    return `The outbox ${outbox} is filled for other options, or by another version. A second dataset of the table needs its own: choose a name with \`outbox\`.`;
  }
  for (const { name, kind } of wantedTriggers(options)) {
    const found = described.triggers.filter((trigger) => trigger.name === name);
    if (!found.some(({ table }) => table === described.table)) return `The trigger ${name} is not there.`;
    if (!found.every((trigger) => trigger.isWhole && trigger.kind === kind))
      return `The trigger ${name} is another one.`;
    if (!found.every(({ enabled }) => enabled === 'A')) {
      return `The trigger ${name} was disabled, and is not enabled always (\`enable always trigger\`).`;
    }
  }
  return undefined;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
