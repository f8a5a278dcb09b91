import type { SourceSession } from '../../src/index.js';
import { Acknowledgements } from '../../src/sources/postgres/replication/acknowledgements.js';
import { Follower } from '../../src/sources/postgres/replication/follower.js';
import { resolveOptions } from '../../src/sources/postgres/replication/options.js';
import { positionOf } from '../../src/sources/postgres/replication/position.js';
import { PostgresSession } from '../../src/sources/postgres/replication/postgres-session.js';
import { Connections } from '../../src/sources/postgres/server/connections.js';
import { SideLine } from '../../src/sources/postgres/server/side-line.js';
import { type ContractRecord, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const silenceMs = 300;
const ended = new AbortController();
const { signal } = ended;

let postgres: TestPostgres;
let proxy: TcpProxy;
let items: PostgresTable;
let session: SourceSession<ContractRecord> | undefined;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  proxy = await startTcpProxy(postgres.port);
  items = await PostgresTable.create(postgres);
  await items.run(`insert into $table select n, '1' from generate_series(1, 20000) n`);
});

afterEach(async () => {
  await session?.close();
  session = undefined;
  await items.close();
  await proxy.close();
});
afterAll(() => postgres.stop());

function connection(): string {
  return `postgres://postgres@127.0.0.1:${new URL(proxy.url).port}/postgres`;
}

/** One that does not wait long. */
async function openSession(): Promise<PostgresSession<ContractRecord>> {
  const options = resolveOptions({ ...items.options, connection: connection() });
  const connections = new Connections(options.connection, silenceMs);
  const opened = await PostgresSession.open<ContractRecord>(
    options,
    connections,
    new Acknowledgements(0),
    signal,
  );
  session = opened;
  return opened;
}

describeOnPostgres('a line that dies without a word', () => {
  it('is given up when a question is not answered, and the next question has another one', async () => {
    const sideLine = new SideLine(new Connections({ connectionString: connection() }, silenceMs), signal);
    const ask = () => sideLine.ask('asking', (client) => client.query('select 1 as one'));
    await ask();
    proxy.freeze();
    await expect(ask()).rejects.toThrow(/asking failed: Connection terminated by silence/);
    expect((await ask()).rows).toEqual([{ one: '1' }]);
    await sideLine.close();
  });

  it('is not one on which the server takes its time', async () => {
    const client = await new Connections({ connectionString: connection() }, silenceMs).open(
      'ordinary',
      signal,
    );
    const { rows } = await client.query('select pg_sleep(1), 1 as one');
    expect(rows[0]).toHaveProperty('one', '1');
    await client.end();
  });

  it('is not one on which it waits for a lock, or has no place for another who could ask', async () => {
    await postgres.run('create role crowded login connection limit 1');
    const config = { connectionString: connection().replace('postgres@', 'crowded@') };
    const client = await new Connections(config, silenceMs).open('ordinary', signal);
    const holder = await postgres.client();
    await holder.query('select pg_advisory_lock(1)');
    const waiting = client.query('select pg_advisory_lock(1), 2 as two');
    const made = proxy.connectionsMade;
    await until(() => proxy.connectionsMade >= made + 2);
    await holder.query('select pg_advisory_unlock(1)');
    expect((await waiting).rows[0]).toHaveProperty('two', '2');
    await client.end();
  });

  it('is not one on which a standby waits for what it needs to make a slot', async () => {
    const standby = await postgres.startStandby();
    const line = await new Connections({ connectionString: standby.url }, silenceMs).open(
      'replication',
      signal,
    );
    const creating = line.query('CREATE_REPLICATION_SLOT "waits" TEMPORARY LOGICAL pgoutput');
    creating.catch(() => undefined);
    await postgres.run(`select pg_sleep(${(silenceMs * 4) / 1_000})`);
    await postgres.run('select pg_log_standby_snapshot()');
    expect((await creating).rows[0]).toHaveProperty('slot_name', 'waits');
    await line.end();
    await standby.stop();
  });

  it('is not taken for one that is being opened', async () => {
    const config = { connectionString: connection(), connectionTimeoutMillis: silenceMs };
    proxy.holdReplies();
    await expect(new Connections(config).open('ordinary', signal)).rejects.toThrow(/timeout expired/);
  });

  it('ends a load', async () => {
    const snapshot = await (await openSession()).snapshot(signal);
    const loading = (async () => {
      for await (const page of snapshot.records) if (page.length === 1_000) proxy.freeze();
    })();
    await expect(loading).rejects.toThrow(/reading the table failed: Connection terminated by silence/);
    // and what the server keeps for it, which hears nothing of the end
    const kept = `select from pg_stat_activity where state = 'idle in transaction'`;
    await until(async () => (await postgres.run(kept)).length === 0);
    await snapshot.close();
  });

  it('is made anew while following, with the one beside it, and nothing is lost', async () => {
    const following = await openSession();
    const { position } = await snapshotOf(following);
    const reader = read(following, position);
    await items.run(`update $table set version = '2' where id = '1'`);
    await until(() => reader.changes.length === 1);
    proxy.freeze();
    await items.run(`update $table set version = '3' where id = '1'`);
    await until(() => !following.isConnected);
    await until(() => reader.changes.length === 2);
    expect(following.isConnected).toBe(true);
    await reader.stop();
  });

  it('does not keep the changes from ending', async () => {
    const following = await openSession();
    const { position } = await snapshotOf(following);
    const reader = read(following, position);
    await reader.isIdle();
    proxy.holdReplies();
    proxy.cut();
    await until(() => !following.isConnected);
    await reader.stop();
    proxy.release();
  });
});

describeOnPostgres('a late word of a line that is gone', () => {
  it('is noticed when it moves the slot right before the stream begins', async () => {
    const { position } = await snapshotOf(await openSession());
    const options = resolveOptions(items.options);
    const connections = new Connections(options.connection);
    const sideLine = new SideLine(connections, signal);
    const follower = new Follower({
      options,
      connections,
      sideLine,
      applied: () => 0n,
      gapAfter: async () => {
        await items.run(`update $table set version = '2' where id = '1'`);
        await items.run(`select pg_replication_slot_advance('${items.slot}', pg_current_wal_lsn())`);
        return undefined;
      },
      own: undefined,
      maxBatch: 10,
      signal,
    });
    await expect(follower.batches(positionOf(position)).next()).rejects.toThrow(
      /Changes are missing. The replication slot .* stands at .* after/,
    );
    await sideLine.close();
  });
});
