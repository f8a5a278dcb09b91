import type { ReloadReason } from '../../../sync/source.js';
import { type Lsn, lsnOf, formatLsn } from './lsn.js';
import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import type { Position } from './position.js';
import { type ServerIdentity, leftTimelineAt } from './server-identity.js';
import { type SlotState, readSlot, serverEnd } from './slot.js';
import { readLayout } from './table-layout.js';

export interface Reload {
  readonly reload: ReloadReason;
  readonly detail: string;
}

/** Why the changes after a position cannot be had, or not all of them. */
export async function whyNotFrom(
  { lsn, within, timeline, layout }: Position,
  options: ResolvedOptions,
  server: ServerIdentity,
  lines: { readonly ordinary: PgClient; readonly replication: PgClient },
): Promise<Reload | undefined> {
  const now = await readLayout(lines.ordinary, options, server.system);
  if (now?.fingerprint !== layout) {
    const detail =
      'The table is not the one that was read: columns, key, publication or options changed, it was made anew, or this is another database.';
    return { reload: 'source-changed', detail };
  }
  // Inside a transaction, its commit record must be there too.
  const needed = within > 0 ? lsn + 1n : lsn;
  if (server.timeline !== timeline) {
    const left = await leftTimelineAt(lines.replication, server.timeline, timeline);
    if (left === undefined || left < needed) {
      const detail = `The server took over before ${formatLsn(lsn)}: what was read after that is not in it.`;
      return { reload: 'source-changed', detail };
    }
  }
  const end = lsnOf((await lines.ordinary.query(`select ${serverEnd()} as end`)).rows[0]?.['end']);
  if (needed > end) {
    const detail = `The log of the server ends at ${formatLsn(end)}, before ${formatLsn(lsn)}: it was set back.`;
    return { reload: 'source-changed', detail };
  }
  return whyNotFromSlot(lsn, options.slot, await readSlot(lines.ordinary, options.slot));
}

export function whyNotFromSlot(lsn: Lsn, name: string, slot: SlotState | null): Reload | undefined {
  if (!slot) return { reload: 'lost-changes', detail: `The replication slot ${name} is gone.` };
  if (slot.lost !== undefined) {
    return { reload: 'lost-changes', detail: `The replication slot ${name} is lost: ${slot.lost}.` };
  }
  if (slot.confirmed > lsn) {
    const detail = `The replication slot ${name} stands at ${formatLsn(slot.confirmed)}, after ${formatLsn(lsn)}: what is between is forgotten.`;
    return { reload: 'lost-changes', detail };
  }
  return undefined;
}
