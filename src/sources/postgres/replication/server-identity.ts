import { type Lsn, lsnOf } from './lsn.js';
import type { PgClient } from '../server/pg-client.js';

export interface ServerIdentity {
  /** Of the data directory and everything that was copied from it. */
  readonly system: string;
  /** Grows whenever a standby takes over. */
  readonly timeline: number;
}

export async function identify(replication: PgClient): Promise<ServerIdentity> {
  const row = (await replication.query('IDENTIFY_SYSTEM')).rows[0];
  return {
    system: `${row?.['systemid'] ?? ''}/${row?.['dbname'] ?? ''}`,
    timeline: Number(row?.['timeline']),
  };
}

/**
 * Where the server left an earlier timeline; undefined when that was never its own. What a former primary wrote after
 * that point is unknown to this one.
 */
export async function leftTimelineAt(
  replication: PgClient,
  timeline: number,
  earlier: number,
): Promise<Lsn | undefined> {
  if (timeline < earlier) return undefined; // set back; and the first one has no history
  const row = (await replication.query(`TIMELINE_HISTORY ${timeline}`)).rows[0];
  return switchPoint(textOf(row?.['content'] ?? ''), earlier);
}

/** Lines of: timeline, tabulator, where it was left, tabulator, why. */
export function switchPoint(history: string, timeline: number): Lsn | undefined {
  for (const line of history.split('\n')) {
    const [left, point] = line.trim().split(/\s+/);
    if (left === String(timeline) && point) return lsnOf(point);
  }
  return undefined;
}

/** A bytea, of which the server sends either the bytes or their hexadecimal digits. */
function textOf(content: string): string {
  return content.startsWith('\\x') ? Buffer.from(content.slice(2), 'hex').toString('utf8') : content;
}
