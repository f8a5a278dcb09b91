import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from './database.js';

const tries = 20;
const pauseMs = 100;

/** What a slot is once its last reader has gone, for which the server needs a moment to notice. */
export async function slotAtRest(database: Database, name: string): Promise<'missing' | 'free' | 'in use'> {
  for (let n = 0; ; n++) {
    const [slot] = await database.look('select active from pg_replication_slots where slot_name = $1', [
      name,
    ]);
    if (!slot) return 'missing';
    if (slot['active'] !== 't') return 'free';
    if (n === tries) return 'in use';
    await pause(pauseMs);
  }
}

/** Removes a slot and the publication of the same name, unless somebody still reads the slot. */
export async function dropSlot(database: Database, name: string): Promise<void> {
  const slot = await slotAtRest(database, name);
  if (slot === 'in use') return;
  if (slot === 'free') await database.change('select pg_drop_replication_slot($1)', [name]);
  await database.change(`drop publication if exists ${name}`);
}
