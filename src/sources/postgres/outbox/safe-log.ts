import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxNames } from './outbox-names.js';

/**
 * Makes sure that a crash of the server can no longer take back what was visible. A commit with `synchronous_commit = off`
 * is visible before it is on disk, and after the crash the numbers of its rows would be given again.
 *
 * @param logEnd up to where; undefined where the server does not tell
 */
export async function makeSafe(client: PgClient, names: OutboxNames, logEnd?: string | null): Promise<void> {
  if (logEnd) {
    const question = 'select pg_current_wal_flush_lsn() >= $1::pg_lsn as safe';
    if ((await client.query(question, [logEnd])).rows[0]?.['safe'] === 't') return;
  }
  // A commit with something in it waits for the disk, and for all that was logged before.
  await client.query(`set synchronous_commit = 'local'`);
  await client.query(`select from ${quoteTable(names.state)} for key share`);
}
