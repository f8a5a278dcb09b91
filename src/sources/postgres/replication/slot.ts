import { passingSlotName } from './names.js';
import { type Lsn, lsnOf } from './lsn.js';
import type { PgClient } from '../server/pg-client.js';
import { quoteName } from '../server/quoting.js';

/** What the server says of a replication slot. */
export interface SlotState {
  readonly plugin: string | null;
  readonly database: string | null;
  /** Why what came after its position is gone, if it is. */
  readonly lost: string | undefined;
  /** Everything that was committed before is forgotten. */
  readonly confirmed: Lsn;
  readonly walStatus: string;
  readonly retainedBytes: number;
  readonly activePid: number | null;
}

/** `to_jsonb` because each version of Postgres has other columns. */
const question = `
select to_jsonb(s)::text as slot, (${serverEnd()} - s.restart_lsn)::text as retained
from pg_replication_slots s where s.slot_name = $1`;

/** Up to where the server has written its log, also when it is a standby. */
export function serverEnd(): string {
  return 'case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end';
}

interface Told {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly wal_status: string | null;
  readonly invalidation_reason?: string | null;
  readonly conflicting?: boolean | null;
  readonly active_pid: number | null;
}

export async function readSlot(client: PgClient, name: string): Promise<SlotState | null> {
  const row = (await client.query(question, [name])).rows[0];
  if (!row?.['slot']) return null;
  const told = JSON.parse(row['slot']) as Told;
  const { plugin, database, wal_status, invalidation_reason, conflicting, active_pid } = told;
  const reason = invalidation_reason ?? (conflicting ? 'a conflict with recovery' : undefined);
  return {
    plugin,
    database,
    lost: wal_status === 'lost' ? (reason ?? 'it kept more than max_slot_wal_keep_size') : reason,
    confirmed: lsnOf(told.confirmed_flush_lsn),
    walStatus: wal_status ?? 'lost',
    retainedBytes: Math.max(0, Number(row['retained'] ?? 0)),
    activePid: active_pid,
  };
}

export interface CreatedSlot {
  readonly name: string;
  /** Changes of transactions that commit after this are sent; the snapshot has all others. */
  readonly consistentPoint: Lsn;
  readonly snapshot: string;
}

/** The snapshot can be used until the connection is given another command. Waits for transactions that are open. */
export async function createSlot(
  replication: PgClient,
  slot: string,
  { temporary, failover }: { readonly temporary: boolean; readonly failover: boolean },
): Promise<CreatedSlot> {
  const name = quoteName(slot);
  const text =
    failover && !temporary
      ? `CREATE_REPLICATION_SLOT ${name} LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER true)`
      : `CREATE_REPLICATION_SLOT ${name}${temporary ? ' TEMPORARY' : ''} LOGICAL pgoutput EXPORT_SNAPSHOT`;
  const row = (await replication.query(text)).rows[0];
  return {
    name: slot,
    consistentPoint: lsnOf(row?.['consistent_point']),
    snapshot: row?.['snapshot_name'] ?? '',
  };
}

/** A slot of its own for one snapshot: it says exactly where the snapshot stands, and goes with its connection. */
export function createPassingSlot(replication: PgClient, beside: string): Promise<CreatedSlot> {
  return createSlot(replication, passingSlotName(beside), { temporary: true, failover: false });
}

export async function dropSlot(client: PgClient, name: string): Promise<void> {
  await client.query('select pg_drop_replication_slot($1)', [name]);
}
