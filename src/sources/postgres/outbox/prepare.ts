import { Connections, close } from '../server/connections.js';
import { type Finding, type PostgresReport, problem, reportOf } from '../server/finding.js';
import type { PgClient } from '../server/pg-client.js';
import { isPassing, postgresError } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';
import { findProblems, whyNotFilled } from './findings.js';
import { type OutboxSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { type OutboxFacts, readFacts } from './outbox-facts.js';
import { keyOf } from './outbox-layout.js';
import { creationSql } from './outbox-sql.js';

/**
 * Looks whether the table and the role are ready for an `OutboxSource` with these options, and says what is not and
 * with which SQL to mend it. Creates the outbox and its triggers, unless `create` is false.
 *
 * @example
 * const { isReady, findings } = await prepareOutbox(options);
 * for (const { level, text, sql } of findings) console.log(level, text, sql ?? '');
 *
 * @throws PrefetchError when the server cannot be reached
 */
export async function prepareOutbox<R>(options: OutboxSourceOptions<R>): Promise<PostgresReport> {
  const resolved = resolveOptions(options);
  const client = await new Connections(resolved.connection).open('ordinary', new AbortController().signal);
  try {
    return await prepareOn(client, resolved);
  } catch (error) {
    throw postgresError('looking at the server', error);
  } finally {
    await close(client);
  }
}

export async function prepareOn(client: PgClient, options: ResolvedOptions): Promise<PostgresReport> {
  const facts = await readFacts(client, options);
  const found = findProblems(facts, options);
  const sql = creationSql(options, keyOf(options, facts));
  const isCreation = (finding: Finding) => finding.sql === sql;
  const refused = await whyNotWhere(client, facts, options);
  if (refused !== undefined) return reportOf([problem(refused)]);
  if (!options.create || !found.some(isCreation)) return reportOf(found);
  const failure = await run(client, sql);
  if (failure === undefined) {
    const done: Finding = { level: 'done', text: 'The outbox and its triggers were made.', sql };
    return reportOf([done, ...findProblems(await readFacts(client, options), options)]);
  }
  const why = whyNotFilled(facts, options) ?? '';
  const text = `${why} It could not be made: ${failure}. Somebody who owns the table has to run this.`;
  return reportOf([problem(text, sql), ...found.filter((finding) => !isCreation(finding))]);
}

/** The body of a function is not looked at before it runs. */
async function whyNotWhere(
  client: PgClient,
  { access }: OutboxFacts,
  { table, where }: ResolvedOptions,
): Promise<string | undefined> {
  if (where === undefined || !access?.isReadable) return undefined;
  try {
    await client.query(`explain select from ${quoteTable(table)} where (${where})`);
    return undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    return `The condition in \`where\` cannot be used: ${messageOf(error)}.`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns why it failed. */
async function run(client: PgClient, sql: string): Promise<string | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    await client.query('rollback');
    return messageOf(error);
  }
}
