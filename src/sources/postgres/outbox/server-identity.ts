import type { PgClient } from '../server/pg-client.js';
import { isPassing } from '../server/postgres-error.js';

/** What a connection says of its server; it does not change while the connection lasts. */
export interface ServerIdentity {
  /** Of the data directory, everything that was copied from it, and the database; null where that is not told. */
  readonly system: string | null;
  /** Another one after a standby took over; null where that is not told. */
  readonly timeline: string | null;
}

/** Any role may ask a Postgres; some databases that speak its protocol do not tell. */
export async function identify(client: PgClient): Promise<ServerIdentity> {
  return {
    system: await told(
      client,
      `select system_identifier || '/' || current_database() as told from pg_control_system()`,
    ),
    timeline: await told(
      client,
      `select substring(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) as told where not pg_is_in_recovery()`,
    ),
  };
}

async function told(client: PgClient, question: string): Promise<string | null> {
  try {
    return (await client.query(question)).rows[0]?.['told'] ?? null;
  } catch (error) {
    if (isPassing(error)) throw error;
    return null;
  }
}
