import { setTimeout as pause } from 'node:timers/promises';
import type { OutboxTable } from './outbox-table.js';
import type { TestPostgres } from './postgres.js';

/** What one statement may do. A row's version grows while its lock is held, so it grows in the order of the commits. */
const statements: readonly ((table: string, id: string, other: string) => string)[] = [
  (table, id) =>
    `insert into ${table} values ('${id}', nextval('${table}_versions')) on conflict (id) do update set version = nextval('${table}_versions')`,
  (table, id) => `update ${table} set version = nextval('${table}_versions') where id = '${id}'`,
  (table, id) => `update ${table} set version = nextval('${table}_versions') where id like '${id}%'`,
  (table, id) => `delete from ${table} where id = '${id}'`,
  (table, id, other) =>
    `update ${table} set id = '${other}', version = nextval('${table}_versions') where id = '${id}'`,
];

const ids = 40;

/** Several connections that write one table in transactions of several rows, of which some are slow and some fail. */
export async function startWriters(
  postgres: TestPostgres,
  table: OutboxTable,
  writers: number,
): Promise<{ stop: () => Promise<number> }> {
  await table.run(`create sequence $table_versions;
    insert into $table select 'id-' || n, nextval('$table_versions') from generate_series(1, ${ids / 2}) n`);
  let isOver = false;
  let committed = 0;
  const randomId = () => `id-${1 + Math.floor(Math.random() * ids)}`;
  const write = async () => {
    const client = await postgres.client();
    while (!isOver) {
      try {
        await client.query('begin');
        for (let n = Math.random() * 4; n >= 0; n--) {
          const statement = statements[Math.floor(Math.random() * statements.length)]!;
          await client.query(statement(table.name, randomId(), randomId()));
        }
        await pause(Math.random() < 0.2 ? Math.random() * 30 : 0);
        await client.query(Math.random() < 0.15 ? 'rollback' : 'commit');
        committed++;
      } catch {
        await client.query('rollback'); // a deadlock, or a key that is there
      }
    }
    await client.end();
  };
  const writing = Promise.all(Array.from({ length: writers }, write));
  return {
    stop: async () => {
      isOver = true;
      await writing;
      return committed;
    },
  };
}
