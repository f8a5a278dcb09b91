import { inspect } from 'node:util';
import type { PgConfig } from '../../src/sources/postgres/index.js';
import { read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { certificate } from '../support/postgres-tls.js';

describeOnPostgres('a Postgres that wants TLS', () => {
  let postgres: TestPostgres;
  let items: PostgresTable;

  beforeAll(async () => {
    postgres = await startTestPostgres({ ssl: 'on' });
    await postgres.run(`create role sealed login superuser password 'geheim!'`);
  });

  beforeEach(async () => {
    items = await PostgresTable.create(postgres);
    await items.run(`insert into $table values ('a', '1')`);
  });

  afterEach(() => items.close());
  afterAll(() => postgres.stop());

  const config = (more: PgConfig): PgConfig => ({
    host: '127.0.0.1',
    port: postgres.port,
    user: 'sealed',
    password: 'geheim!',
    database: 'postgres',
    ...more,
  });
  const link = (query: string) => `postgres://sealed:geheim%21@127.0.0.1:${postgres.port}/postgres?${query}`;

  it.each([
    ['a config with a certificate', () => config({ ssl: { ca: certificate } })],
    ['a config that trusts anybody', () => config({ ssl: { rejectUnauthorized: false } })],
    ['a connection string', () => link('sslmode=no-verify')],
  ])('is loaded and followed over TLS alone: %s', async (_, connection) => {
    const session = await items.open({ connection: connection() });
    const { records, position } = await snapshotOf(session);
    const reader = read(session, position);
    await items.run(`insert into $table select n, repeat('x', 1000) from generate_series(1, 20000) n`);
    await reader.isIdle();
    const lines = await items.run(
      `select ssl, backend_type from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'sealed'`,
    );
    await reader.stop();
    expect(records).toEqual([{ id: 'a', version: '1' }]);
    expect(reader.changes).toHaveLength(20_000);
    expect(lines.map((line) => line['backend_type']).sort()).toEqual(['client backend', 'walsender']);
    expect(lines.map((line) => line['ssl'])).toEqual([true, true]);
  });

  it.each([
    ['without TLS', () => config({})],
    ['with a certificate that nobody vouches for', () => config({ ssl: true })],
    ['in a connection string', () => link('sslmode=verify-full')],
  ])('is not spoken with otherwise, and no password is told: %s', async (_, connection) => {
    const error: unknown = await items.open({ connection: connection() }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringMatching(/connecting failed/),
    });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/geheim/);
  });
});
