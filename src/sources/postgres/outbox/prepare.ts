import type { TableName } from '../rows/table-options.js';
import { Connections, close } from '../server/connections.js';
import { type Finding, type PostgresReport, problem, reportOf } from '../server/finding.js';
import type { PgClient } from '../server/pg-client.js';
import { isPassing, postgresError } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';
import { CreationPauses } from './creation-pauses.js';
import { findProblems } from './findings.js';
import { type OutboxSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { type OutboxFacts, readFacts } from './outbox-facts.js';
import { keyOf } from './outbox-layout.js';
import { creationSql } from './outbox-sql.js';

const lockNotAvailable = '55P03';

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

/** @param pauses those between attempts to make the outbox */
export async function prepareOn(
  client: PgClient,
  options: ResolvedOptions,
  pauses = new CreationPauses(),
): Promise<PostgresReport> {
  const facts = await readFacts(client, options);
  const sql = creationSql(options, keyOf(options, facts));
  const isCreation = (finding: Finding) => finding.sql === sql;
  const refused = await whyNotWhere(client, facts, options);
  if (refused !== undefined) return reportOf([problem(refused)]);
  const found = findProblems(facts, options);
  if (!options.create || !found.some(isCreation)) return reportOf(found);
  const failure = pauses.failure ?? (await made(client, sql, pauses));
  // Somebody else may have made it meanwhile.
  const after = findProblems(await readFacts(client, options), options);
  if (failure === undefined) {
    return reportOf([{ level: 'done', text: 'The outbox and its triggers were made.', sql }, ...after]);
  }
  return reportOf(
    after.map((finding) =>
      isCreation(finding) ? problem(`${finding.text} It could not be made: ${failure}.`, sql) : finding,
    ),
  );
}

/** The body of a function is not looked at before it runs. In two kinds of brackets, nothing can end them but ours. */
async function whyNotWhere(
  client: PgClient,
  { access }: OutboxFacts,
  { table, where }: ResolvedOptions,
): Promise<string | undefined> {
  if (where === undefined || !access?.isReadable) return undefined;
  try {
    for (const use of [`select array[${where}] from ${quoteTable(table)}`, selection(table, where)]) {
      await client.query(`explain ${use}`);
    }
    return undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    return `The condition in \`where\` cannot be used: ${messageOf(error)}.`;
  }
}

function selection(table: TableName, where: string): string {
  return `select from ${quoteTable(table)} where (${where})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns why it failed. */
async function made(client: PgClient, sql: string, pauses: CreationPauses): Promise<string | undefined> {
  try {
    await client.query(sql);
    pauses.succeeded();
    return undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    await client.query('rollback');
    const isInUse = (error as { code?: unknown }).code === lockNotAvailable;
    const advice = isInUse ? 'It will be tried again' : 'Somebody who owns the table has to run this';
    const failure = `${messageOf(error)}. ${advice}`;
    pauses.failed(failure);
    return failure;
  }
}
