import type { SourceSession } from '../../src/index.js';
import { type ContractRecord, Model, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describeOnPostgres('a standby that takes over', () => {
  let primary: TestPostgres;
  let standby: TestPostgres;
  let proxy: TcpProxy;
  let session: SourceSession<ContractRecord>;
  let items: PostgresTable;

  beforeEach(async () => {
    primary = await startTestPostgres({ synchronized_standby_slots: 'standby' });
    await primary.run(`select pg_create_physical_replication_slot('standby')`);
    standby = await primary.startStandby({
      primary_slot_name: 'standby',
      synchronized_standby_slots: '',
      hot_standby_feedback: 'on',
      wal_receiver_status_interval: 1,
    });
    proxy = await startTcpProxy(primary.port);
    items = await PostgresTable.create(primary);
    await items.run(`insert into $table values ('a', '1')`);
    const connection = `postgres://postgres@127.0.0.1:${new URL(proxy.url).port}/postgres`;
    session = await items.open({ connection, failover: true, reconnectWithinMs: 20_000 });
  });

  afterEach(async () => {
    await items.close();
    await proxy.close();
    await Promise.all([primary.stop(), standby.stop()]);
  });

  /** As the servers do it from time to time by themselves, with sync_replication_slots = on. */
  const isOnStandby = async () => {
    await primary.run('select pg_log_standby_snapshot()');
    await standby.run('select pg_sync_replication_slots()');
    const found = await standby.run(
      `select from pg_replication_slots where slot_name = '${items.slot}' and synced and not temporary`,
    );
    return found.length === 1;
  };
  const takeOver = async () => {
    await primary.kill();
    await standby.run('select pg_promote()');
    proxy.redirect(standby.port);
    proxy.cut();
  };

  it('goes on with the slot that it was given, and nothing is lost or comes twice', async () => {
    const { records, position } = await snapshotOf(session);
    await items.run(`insert into $table values ('b', '1')`);
    const reader = read(session, position);
    await items.run(`insert into $table values ('c', '1')`);
    await until(() => reader.changes.length === 2);
    await until(async () => {
      await session.acknowledge(reader.batches.at(-1)?.position ?? '');
      return isOnStandby();
    }, 20_000);
    await takeOver();
    await standby.run(`update ${items.name} set version = '2'; delete from ${items.name} where id = 'b'`);
    await until(() => reader.changes.length === 6, 20_000);
    await reader.stop();
    const model = new Model(records);
    for (const batch of reader.batches) model.apply(batch);
    expect(model.versions).toEqual({ a: '2', c: '2' });
    expect(model.repeated).toEqual([]);
    const reached = reader.batches.at(-1)?.position ?? '';
    expect(await session.resume(reached)).toEqual({ from: reached });
  });
});
