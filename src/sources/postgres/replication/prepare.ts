import { Connections, close } from '../server/connections.js';
import { type Finding, type PostgresReport, problem, reportOf } from '../server/finding.js';
import { findProblems } from './findings.js';
import { type PostgresSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { isPassing, postgresError } from '../server/postgres-error.js';
import { publishesItself } from './publication-findings.js';
import { publicationSql } from './publication-sql.js';
import { quoteTable } from '../server/quoting.js';
import { type ServerFacts, readFacts } from './server-facts.js';

/**
 * Looks whether the server, the role and the table are ready for a `PostgresSource` with these options, and says what
 * is not and with which SQL to mend it. Creates the publication, unless `create` is false; the source creates the slot
 * when it loads.
 *
 * @example
 * const { isReady, findings } = await preparePostgres(options);
 * for (const { level, text, sql } of findings) console.log(level, text, sql ?? '');
 *
 * @throws PrefetchError when the server cannot be reached
 */
export async function preparePostgres<R>(options: PostgresSourceOptions<R>): Promise<PostgresReport> {
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
  const sql = publishesItself(facts, options) ? publicationSql(facts, options) : undefined;
  const before = reportOf(found);
  // Published as it is, a table that is not ready may make the application's own writes fail.
  if (sql === undefined || !before.isReady) return before;
  const failure = await makePublication(client, sql, facts, options);
  if (failure !== undefined) {
    return reportOf([problem(`The publication could not be made ready: ${failure}.`), ...found]);
  }
  const done: Finding = { level: 'done', text: 'The publication was made ready.', sql };
  return reportOf([done, ...findProblems(await readFacts(client, options), options)]);
}

/** Returns why it was not made: also when the application could not write the table afterwards. */
async function makePublication(
  client: PgClient,
  sql: string,
  facts: ServerFacts,
  { table }: ResolvedOptions,
): Promise<string | undefined> {
  try {
    await client.query('begin');
    await client.query(sql);
    // Does not delete, but is refused like one; also for lack of the right, which says nothing here.
    if (facts.table?.isDeletable) await client.query(`explain delete from ${quoteTable(table)}`);
    await client.query('commit');
    return undefined;
  } catch (error) {
    if (isPassing(error)) throw error;
    await client.query('rollback');
    const { message, detail } = error as { readonly message?: string; readonly detail?: string };
    return [message ?? String(error), ...(detail ? [detail] : [])].join('. ').replace(/\.$/, '');
  }
}
