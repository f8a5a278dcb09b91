import type pg from 'pg';
import { type OutboxSourceOptions, OutboxSource } from '../../src/sources/postgres/outbox/index.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type SourceHarness, describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

let postgres: TestPostgres;
let tables = 0;

beforeAll(async () => {
  postgres = await startTestPostgres({ wal_level: 'minimal', max_wal_senders: 0 });
});

afterAll(() => postgres.stop());

async function table(options: Partial<OutboxSourceOptions<ContractRecord>>): Promise<SourceHarness> {
  const client: pg.Client = await postgres.client();
  const name = `records_${tables++}`;
  await client.query(`create table ${name} (id text primary key, version text)`);
  const source = new OutboxSource<ContractRecord>({
    connection: postgres.url,
    table: name,
    pollMs: 5,
    heartbeatMs: 20,
    acknowledgeAfterMs: 0,
    ...options,
  });
  const upsert = `insert into ${name} values ($1, $2) on conflict (id) do update set version = excluded.version`;
  return {
    source,
    forgets: true,
    write: (record) => client.query(upsert, [record.id, record.version]),
    remove: (id) => client.query(`delete from ${name} where id = $1`, [id]),
    truncate: () => client.query(`truncate ${name}`),
    contents: async () => (await client.query<ContractRecord>(`select * from ${name}`)).rows,
    async close() {
      await client.query(`drop table ${name}, prefetch_outbox_${name}, state_of_prefetch_outbox_${name}`);
      await client.end();
    },
  };
}

describeOnPostgres('on a real server', () => {
  describeSource('outbox', () => table({}));

  describeSource('outbox with a map, woken by NOTIFY', () =>
    table({
      notify: true,
      pollMs: 500,
      map: ({ id, version }) => ({ id: id ?? '', version: version ?? '' }),
    }),
  );
});
