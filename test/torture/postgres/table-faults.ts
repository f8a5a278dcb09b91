import { setTimeout as pause } from 'node:timers/promises';
import type { TestPostgres } from '../../support/postgres.js';
import { type Fault, type Lane, writingCrew } from '../fault.js';
import { ask, insist } from './patient-server.js';
import type { PostgresApplication } from './postgres-application.js';

/** After each of them the table has to be loaded again. */
export function tableFaults(server: TestPostgres, application: PostgresApplication, slot: string): Lane {
  const told =
    (harm: () => Promise<unknown>): Fault =>
    async ({ note }) => {
      note('');
      await harm();
    };
  return {
    longestPauseMs: 2_500,
    faults: {
      'drop the slot': told(() =>
        insist(async () => {
          const where = `from pg_replication_slots where slot_name = '${slot}'`;
          await server.run(`select pg_terminate_backend(active_pid) ${where}`);
          await server.run(`select pg_drop_replication_slot(slot_name) ${where}`);
        }),
      ),
      'drop the publication': told(() => ask(server, `drop publication if exists ${slot}`)),
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
        await hasBegun(server);
        await pause(ms);
        await application[change]();
        feedLine.delayReplies(0);
      },
    },
  };
}

/** Where its snapshot stands is settled, and perhaps nothing of it has been read. Not waited for in vain. */
async function hasBegun(server: TestPostgres): Promise<void> {
  const question = 'select 1 from pg_replication_slots where temporary and confirmed_flush_lsn is not null';
  for (let tries = 0; tries < 60 && (await ask(server, question)).length === 0; tries++) await pause(20);
}
