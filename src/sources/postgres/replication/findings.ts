import { type Finding, problem, warning } from '../server/finding.js';
import type { ResolvedOptions } from './options.js';
import { publicationSql } from './publication-sql.js';
import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import type { PublicationFacts, ServerFacts, TableFacts } from './server-facts.js';

const oldestVersion = 130_000;
const rowFiltersVersion = 150_000;
const operations = ['insert', 'update', 'delete', 'truncate'];

/** What is in the way, and what might become so. */
export function findProblems(facts: ServerFacts, options: ResolvedOptions): Finding[] {
  return [
    ...aboutServer(facts, options),
    ...aboutSlot(facts, options),
    ...(facts.table ? aboutTable(facts, facts.table, options) : [noTable(options)]),
    ...aboutPublication(facts, options),
  ];
}

function noTable({ table }: ResolvedOptions): Finding {
  return problem(`There is no table ${quoteTable(table)} in this database.`);
}

function* aboutServer(facts: ServerFacts, { failover, where }: ResolvedOptions): Generator<Finding> {
  if (facts.version < oldestVersion) yield problem('Postgres 13 or newer is needed.');
  if (where !== undefined && facts.version < rowFiltersVersion) {
    yield problem('`where` needs Postgres 15 or newer; the outbox source can filter rows of older ones.');
  }
  if (failover && facts.version < 170_000) yield problem('`failover` needs Postgres 17 or newer.');
  if (facts.walLevel !== 'logical') {
    const text = `wal_level is ${facts.walLevel}; it has to be logical. The server has to be restarted afterwards.`;
    yield problem(text, 'alter system set wal_level = logical');
  }
  if (!facts.mayReplicate) {
    const text = `The role ${facts.role} may not replicate (on Amazon RDS: grant rds_replication to it).`;
    yield problem(text, `alter role ${quoteName(facts.role)} replication`);
  }
  if (facts.mostSenders < 2) {
    const text = 'max_wal_senders has to be 2 at least: one to follow, one for loads. It needs a restart.';
    yield problem(text, 'alter system set max_wal_senders = 10');
  }
  if (facts.mostKept === -1) {
    const text =
      'max_slot_wal_keep_size is without end: while no worker runs, the server keeps all of its log, until its disk is full. With a limit the slot is lost instead, and the next start is a load.';
    yield warning(text, `alter system set max_slot_wal_keep_size = '10GB'`);
  }
}

function* aboutSlot(facts: ServerFacts, { slot, create, temporary }: ResolvedOptions): Generator<Finding> {
  const needed = facts.slot || temporary ? 1 : 2;
  if (facts.slots.most - facts.slots.used < needed) {
    const { most, used } = facts.slots;
    const text = `max_replication_slots is ${most}, and ${used} are there: ${needed} more are needed. It needs a restart.`;
    yield problem(text, `alter system set max_replication_slots = ${most + 10}`);
  }
  const there = facts.slot;
  if (!there) {
    if (create || temporary) return;
    const text = `There is no replication slot ${slot}, and \`create\` is false.`;
    yield problem(text, `select pg_create_logical_replication_slot(${quoteText(slot)}, 'pgoutput')`);
  } else if (there.plugin !== 'pgoutput' || there.database !== facts.database) {
    const text = `The replication slot ${slot} belongs to somebody else: ${there.plugin ?? 'physical'} in ${there.database ?? 'no database'}. Choose another name with \`slot\`.`;
    yield problem(text);
  }
}

function* aboutTable(facts: ServerFacts, table: TableFacts, options: ResolvedOptions): Generator<Finding> {
  const target = quoteTable(options.table);
  if (!['rp', 'pp'].includes(table.kind)) {
    yield problem(`${target} is not an ordinary table whose changes are logged.`);
    return;
  }
  if (!table.isReadable) {
    const text = `The role ${facts.role} may not read ${target}.`;
    yield problem(text, `grant select on ${target} to ${quoteName(facts.role)}`);
  }
  if (table.isRowSecurityActive) {
    const text = `Row security hides rows of ${target} from the role ${facts.role}, but not from the stream.`;
    yield problem(text, `alter role ${quoteName(facts.role)} bypassrls`);
  }
  yield* aboutKey(table, options);
}

function* aboutKey(table: TableFacts, options: ResolvedOptions): Generator<Finding> {
  const target = quoteTable(options.table);
  const key = options.key ?? table.primaryKey;
  const names = table.columns.map(({ name }) => name);
  const unknown = [...key, ...(options.columns ?? [])].filter((name) => !names.includes(name));
  if (unknown.length > 0) yield problem(`${target} has no column ${unknown.join(', ')}.`);
  if (key.length === 0)
    yield problem(`${target} has no primary key. Say with \`key\` what identifies a row.`);
  const full = `alter table ${target} replica identity full`;
  if (table.identities.includes('n') || (isDefault(table) && table.primaryKey.length === 0)) {
    const text = `${target} has no replica identity: published like this, every UPDATE and DELETE of your application would fail.`;
    yield problem(text, full);
  } else if (!table.identities.includes('f') && key.some((name) => !table.identityColumns.includes(name))) {
    const text = `The key (${key.join(', ')}) is not in the replica identity of ${target}: a delete would not say of which record.`;
    yield problem(text, full);
  }
  if (options.map && table.hasValuesOutOfLine && !table.identities.includes('f')) {
    const text = `${target} has long values that Postgres does not send when they did not change. A \`map\` that reads them cannot do so then, and the change becomes a dead letter.`;
    yield warning(text, full);
  }
}

function isDefault({ identities }: TableFacts): boolean {
  return identities.includes('d');
}

function* aboutPublication(facts: ServerFacts, options: ResolvedOptions): Generator<Finding> {
  const { publication, table } = facts;
  const name = quoteName(options.publication);
  const sql = publicationSql(facts, options);
  if (sql !== undefined) {
    const what = publication ? `does not publish ${quoteTable(options.table)}` : 'is not there';
    yield problem(`The publication ${name} ${what}.`, sql);
  }
  if (!publication) return;
  const unpublished = operations.filter((operation) => !publication.publishes.includes(operation));
  if (unpublished.length > 0) {
    const text = `The publication ${name} leaves out: ${unpublished.join(', ')}.`;
    yield problem(text, `alter publication ${name} set (publish = '${operations.join(', ')}')`);
  }
  if (table?.kind.startsWith('p') && !publication.viaRoot) {
    const text = `The publication ${name} tells of partitions, not of their table.`;
    yield problem(text, `alter publication ${name} set (publish_via_partition_root = true)`);
  }
  if (publication.hasTable && table) yield* aboutContents(publication, table, options);
}

function* aboutContents(
  { columns, rowFilter }: PublicationFacts,
  table: TableFacts,
  options: ResolvedOptions,
): Generator<Finding> {
  const name = quoteName(options.publication);
  const wanted = [...(options.columns ?? []), ...(options.key ?? table.primaryKey)];
  const missing = columns ? wanted.filter((column) => !columns.includes(column)) : [];
  if (missing.length > 0) yield problem(`The publication ${name} leaves out columns: ${missing.join(', ')}.`);
  if (options.where !== undefined && rowFilter === null) {
    yield problem(`The publication ${name} has no row filter, and \`where\` was given.`);
  }
}
