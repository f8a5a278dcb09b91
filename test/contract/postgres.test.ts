import type pg from 'pg';
import { type PostgresSourceOptions, PostgresSource } from '../../src/sources/postgres/index.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type SourceHarness, describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

let postgres: TestPostgres;
let tables = 0;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(() => postgres.stop());

const upsert = (table: string) =>
  `insert into ${table} values ($1, $2) on conflict (id) do update set version = excluded.version`;

async function table(
  options: Partial<PostgresSourceOptions<ContractRecord>>,
  write = async (client: pg.Client, name: string, record: ContractRecord) => {
    await client.query(upsert(name), [record.id, record.version]);
  },
): Promise<SourceHarness> {
  const client = await postgres.client();
  const name = `records_${tables++}`;
  await client.query(`create table ${name} (id text primary key, version text)`);
  return {
    source: new PostgresSource<ContractRecord>({
      connection: postgres.url,
      table: name,
      heartbeatMs: 20,
      acknowledgeAfterMs: 0,
      ...options,
    }),
    forgets: true,
    write: (record) => write(client, name, record),
    remove: (id) => client.query(`delete from ${name} where id = $1`, [id]),
    truncate: () => client.query(`truncate ${name}`),
    contents: async () => (await client.query<ContractRecord>(`select * from ${name}`)).rows,
    async close() {
      await client.query(`
        drop table ${name}; drop publication if exists prefetch_${name};
        select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'prefetch_${name}'`);
      await client.end();
    },
  };
}

describeOnPostgres('on a real server', () => {
  describeSource('postgres', () => table({}));

  describeSource('postgres with a map', () =>
    table({ map: ({ id, version }) => ({ id: id ?? '', version: version ?? '' }) }),
  );
});
