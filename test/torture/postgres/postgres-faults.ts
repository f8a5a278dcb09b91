import { setTimeout as pause } from 'node:timers/promises';
import type { TestPostgres } from '../../support/postgres.js';
import type { Fault, Lane } from '../fault.js';
import { ask, insist } from './patient-server.js';
import type { PostgresApplication } from './postgres-application.js';

const longestAwayMs = 1_500;
const others = `from pg_stat_activity where backend_type in ('walsender', 'client backend') and pid <> pg_backend_pid()`;

/** Each ends with a Postgres that works, and has all that was ever committed. No load is due after them. */
export function postgresFaults(server: TestPostgres, application: PostgresApplication): Lane {
  const away =
    (harm: () => Promise<void>, comeBack = () => server.start()): Fault =>
    async ({ random, note }) => {
      const ms = random.integer(0, longestAwayMs);
      note(`for ${ms} ms`);
      await harm();
      await pause(ms);
      await insist(comeBack); // a process of the former one may still hold its memory
      await ask(server, 'select 1');
    };
  const terminate =
    (whom: string): Fault =>
    async ({ note }) => {
      note('');
      await ask(server, `select pg_terminate_backend(pid) ${others} and ${whom}`);
    };

  return {
    longestPauseMs: 700,
    faults: {
      'crash (SIGQUIT)': away(() => server.kill('SIGQUIT')),
      'crash (SIGKILL)': away(() => server.kill('SIGKILL')),
      restart: away(() => server.shutDown()),
      failover: away(
        () => server.kill('SIGQUIT'),
        () => server.startAsSuccessor(),
      ),
      'kill what feeds the worker': async ({ note }) => {
        const byImportance = `order by backend_type = 'walsender' desc limit 1`;
        const [feeding] = await ask(server, `select pid, backend_type ${others} ${byImportance}`);
        note(feeding ? `the ${String(feeding['backend_type'])}, and all have to recover` : 'nobody is there');
        if (feeding) process.kill(Number(feeding['pid']), 'SIGKILL');
        await ask(server, 'select 1');
      },
      'terminate what feeds the worker': terminate(`backend_type = 'walsender'`),
      'terminate everybody': terminate('true'),
      truncate: async ({ note }) => {
        note('');
        await application.truncate();
      },
      'large transactions': async ({ random, note }) => {
        const count = random.integer(2, 5);
        note(`${count} of them`);
        for (let i = 0; i < count; i++) await application.change(random.integer(600, 2_000));
      },
      'leave a transaction open': async ({ random, note }) => {
        const ms = random.integer(500, 2_500);
        note(`for ${ms} ms`);
        await application.idle(ms);
      },
    },
  };
}
