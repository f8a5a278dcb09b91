import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from './database.js';

const tries = 20;
const pauseMs = 100;

/** Removes a slot and the publication of the same name, unless somebody still reads the slot. */
export async function dropSlot(database: Database, name: string): Promise<void> {
  const state = () => database.look('select active from pg_replication_slots where slot_name = $1', [name]);
  let [slot] = await state();
  // The server needs a moment to see that a reader has gone.
  for (let n = 0; slot?.['active'] === 't' && n < tries; n++) {
    await pause(pauseMs);
    [slot] = await state();
  }
  if (slot?.['active'] === 't') return;
  if (slot) await database.change('select pg_drop_replication_slot($1)', [name]);
  await database.change(`drop publication if exists ${name}`);
}
