import { setTimeout as pause } from 'node:timers/promises';
import { outboxRemovalSql } from '../../../src/sources/postgres/outbox/index.js';
import type { TestPostgres } from '../../support/postgres.js';
import { type Fault, type Faults, writingCrew } from '../fault.js';
import { ask, insist } from './patient-server.js';
import type { PostgresApplication } from './postgres-application.js';

const told =
  (harm: () => Promise<unknown>): Fault =>
  async ({ note }) => {
    note('');
    await harm();
  };

/**
 * After each of them the table has to be loaded again.
 *
 * @param hasBegun resolves when it is settled where a load stands, and perhaps nothing of it has been read
 */
export function tableFaults(application: PostgresApplication, hasBegun: () => Promise<void>): Faults {
  return {
    'add a column': told(() => application.addColumn()),
    'make the table anew': told(() => application.recreateTable()),
    'change the table under a load': async (context) => {
      const { random, note } = context;
      const { name, worker, feedLine } = await writingCrew(context);
      const [delayMs, ms] = [random.integer(20, 120), random.integer(0, 1_000)];
      const change = random.pick(['addColumn', 'truncate', 'recreateTable'] as const);
      note(`of ${name}, ${worker.state}: ${change} ${ms} ms after it began, ${delayMs} ms for each reply`);
      feedLine.delayReplies(delayMs);
      worker.send('reload');
      await hasBegun();
      await pause(ms);
      await application[change]();
      feedLine.delayReplies(0);
    },
  };
}

export function slotFaults(server: TestPostgres, slot: string): Faults {
  return {
    'drop the slot': told(() =>
      insist(async () => {
        const where = `from pg_replication_slots where slot_name = '${slot}'`;
        await server.run(`select pg_terminate_backend(active_pid) ${where}`);
        await server.run(`select pg_drop_replication_slot(slot_name) ${where}`);
      }),
    ),
    'drop the publication': told(() => ask(server, `drop publication if exists ${slot}`)),
  };
}

export function triggerFaults(server: TestPostgres, application: PostgresApplication): Faults {
  return {
    'take the outbox away': told(() => ask(server, outboxRemovalSql({ table: 'item' }))),
    'disable the triggers for a while': async ({ random, note }) => {
      note('');
      await ask(server, 'alter table item disable trigger user');
      await application.change(random.integer(1, 50));
      await ask(server, 'alter table item enable trigger user');
    },
  };
}
