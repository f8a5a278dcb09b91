import { type Finding, problem, warning } from '../server/finding.js';
import { aboutFitness } from './fitness-findings.js';
import type { ResolvedOptions } from './options.js';
import { aboutPublication } from './publication-findings.js';
import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import type { ServerFacts } from './server-facts.js';
import { aboutTable } from './table-findings.js';

const oldestVersion = 130_000;
const rowFiltersVersion = 150_000;

/** What is in the way, and what might become so. */
export function findProblems(facts: ServerFacts, options: ResolvedOptions): Finding[] {
  const { table } = facts;
  const unfit = table?.leaves.every(({ isLogged }) => isLogged)
    ? [...aboutFitness(facts, table, options)]
    : [];
  const isFit = !unfit.some(({ level }) => level === 'problem');
  return [
    ...aboutServer(facts, options),
    ...aboutSlots(facts, options),
    ...aboutSlot(facts, options),
    ...(table ? aboutTable(facts, table, options) : [noTable(options)]),
    ...unfit,
    ...aboutPublication(facts, options, isFit),
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

function* aboutSlots({ slots, slot }: ServerFacts, { temporary }: ResolvedOptions): Generator<Finding> {
  const hasSlot = slot !== null && !temporary;
  const needed = hasSlot || temporary ? 1 : 2;
  if (slots.most - slots.used >= needed) return;
  const full = `max_replication_slots is ${slots.most}, and ${slots.used} are there`;
  const sql = `alter system set max_replication_slots = ${slots.most + 10}`;
  // With a slot it can follow; only a load needs another one.
  yield hasSlot
    ? warning(`${full}: the next load needs one more. It needs a restart.`, sql)
    : problem(`${full}: ${needed} more are needed. It needs a restart.`, sql);
}

function* aboutSlot(facts: ServerFacts, options: ResolvedOptions): Generator<Finding> {
  const { slot, create, temporary, failover } = options;
  const there = facts.slot;
  if (temporary) return;
  if (!there) {
    if (create) return;
    const text = `There is no replication slot ${slot}, and \`create\` is false.`;
    const more = failover ? ', failover => true' : '';
    yield problem(text, `select pg_create_logical_replication_slot(${quoteText(slot)}, 'pgoutput'${more})`);
  } else if (there.plugin !== 'pgoutput' || there.database !== facts.database) {
    const text = `The replication slot ${slot} belongs to somebody else: ${there.plugin ?? 'physical'} in ${there.database ?? 'no database'}. Choose another name with \`slot\`.`;
    yield problem(text);
  } else if (failover && there.failover === false) {
    const text = `The replication slot ${slot} was created without \`failover\`: standbys do not get it. Stop the worker and drop the slot; the next start creates it so, and is a load.`;
    yield warning(text, `select pg_drop_replication_slot(${quoteText(slot)})`);
  }
}
