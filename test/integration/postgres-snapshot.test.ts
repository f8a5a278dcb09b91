import { snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let items: PostgresTable;
let line: TcpProxy;

describeOnPostgres('a snapshot whose table is changed before its first row is read', () => {
  beforeAll(async () => {
    postgres = await startTestPostgres();
    line = await startTcpProxy(postgres.port);
  });
  beforeEach(async () => {
    items = await PostgresTable.create(postgres);
    await items.run(`insert into $table values ('a', '1'), ('b', '1')`);
  });
  afterEach(() => items.close());
  afterAll(async () => {
    await line.close();
    await postgres.stop();
  });

  it.each([
    [
      'truncated and filled',
      `begin; truncate $table; insert into $table values ('c', '2'); commit`,
      { c: '2' },
    ],
    [
      'given a column anew',
      `alter table $table drop column version, add column version text default '2'`,
      { a: '2', b: '2' },
    ],
    ['rewritten', `alter table $table alter version type text using version || '!'`, { a: '1!', b: '1!' }],
  ])('is taken again: %s', async (_, sql, versions) => {
    const { port } = new URL(line.url);
    const session = await items.open({ connection: `postgres://postgres@127.0.0.1:${port}/postgres` });
    line.delayReplies(40);
    const snapshot = snapshotOf(session);
    await until(async () => (await items.slotState())?.['confirmed_flush_lsn']);
    await items.run(sql);
    line.delayReplies(0);
    const end = await session.end?.();
    const { records, position } = await snapshot;
    expect(Object.fromEntries(records.map(({ id, version }) => [id, version]))).toEqual(versions);
    expect(session.compare(position, end ?? '')).toBeGreaterThanOrEqual(0);
  });
});
