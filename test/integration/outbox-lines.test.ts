import type { SourceSession } from '../../src/index.js';
import { resolveOptions } from '../../src/sources/postgres/outbox/options.js';
import { OutboxSession } from '../../src/sources/postgres/outbox/outbox-session.js';
import { Readers } from '../../src/sources/postgres/outbox/readers.js';
import { Connections } from '../../src/sources/postgres/server/connections.js';
import { type ContractRecord, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let proxy: TcpProxy;
let items: OutboxTable;
let session: SourceSession<ContractRecord>;
let position: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  proxy = await startTcpProxy(postgres.port);
  items = await OutboxTable.create(postgres);
  const connection = {
    connectionString: `postgres://postgres@127.0.0.1:${new URL(proxy.url).port}/postgres`,
  };
  const options = resolveOptions({ ...items.options, connection });
  const { signal } = new AbortController();
  session = await OutboxSession.open(options, new Connections(connection, 200), new Readers(), signal);
  ({ position } = await snapshotOf(session));
});

afterEach(async () => {
  await session.close();
  await proxy.close();
});
afterAll(() => postgres.stop());

describeOnPostgres('the lines to an outbox', () => {
  it('may all fall silent: it is read, asked and loaded over others', async () => {
    const reader = read(session, position);
    await items.run(`insert into $table values ('a', '1')`);
    await until(() => reader.changes.length === 1);
    proxy.freeze();
    await items.run(`insert into $table values ('b', '1')`);
    const [lag, snapshot] = await Promise.all([
      until(() => session.lag(position).catch(() => undefined)),
      until(() => snapshotOf(session).catch(() => undefined)),
      until(() => reader.changes.length === 2),
    ]);
    expect(lag.events).toBe(2);
    expect(snapshot.records).toHaveLength(2);
    await reader.stop();
  });

  it('may fall silent in the moment in which a snapshot begins: who follows goes on', async () => {
    const reader = read(session, position);
    await items.run(`insert into $table values ('a', '1')`);
    await until(() => reader.changes.length === 1);
    // The snapshot waits for this before it begins.
    const slow = await postgres.client();
    await slow.query('begin; select pg_current_xact_id()');
    const taken = snapshotOf(session).catch((error: unknown) => error);
    const waits = `select from pg_stat_activity where query like '%(seq)%as top%' and pid <> pg_backend_pid()`;
    await until(async () => (await items.run(waits)).length > 0);
    proxy.freeze();
    await slow.query('commit');
    await items.run(`insert into $table values ('b', '1')`);
    await until(() => reader.changes.length === 2);
    expect(await taken).toBeDefined();
    await reader.stop();
  });

  it('say when nothing can be said of how current the dataset is, and when it can again', async () => {
    expect(session.isConnected).toBe(true);
    const reader = read(session, position);
    await items.run(`insert into $table values ('a', '1')`);
    await until(() => reader.changes.length === 1);
    expect(session.isConnected).toBe(true);
    proxy.down();
    await until(() => session.isConnected === false);
    proxy.up();
    await until(() => session.isConnected);
    proxy.holdReplies();
    await until(() => session.isConnected === false);
    proxy.release();
    await until(() => session.isConnected);
    await reader.stop();
    expect(reader.changes).toHaveLength(1);
    expect(session.isConnected).toBe(true);
  });
});
