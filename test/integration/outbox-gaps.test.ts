import type { SourceSession } from '../../src/index.js';
import { outboxSql } from '../../src/sources/postgres/outbox/index.js';
import { type ContractRecord, Model, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let items: OutboxTable;
let session: SourceSession<ContractRecord>;
let position: string;

beforeAll(async () => {
  postgres = await startTestPostgres({ wal_writer_delay: '10s' });
});

beforeEach(async () => {
  items = await OutboxTable.create(
    postgres,
    'id text primary key, version text, spare int, size int generated always as (length(id)) stored',
  );
  await items.run(`insert into $table values ('a', '1'), ('b', '1')`);
  session = await items.open();
  ({ position } = await snapshotOf(session));
});

afterEach(() => items.close());
afterAll(() => postgres.stop());

/** Rejects with what ends it. */
async function follows(from: string, seen: unknown[] = []): Promise<Error> {
  const changes = session.changes(from, { signal: new AbortController().signal, maxBatch: 10 });
  for await (const batch of changes) seen.push(...batch.changes);
  throw new Error('It ended');
}

function sourceError(message: RegExp): Error {
  return expect.objectContaining({
    code: 'ERR_PREFETCH_SOURCE',
    message: expect.stringMatching(message),
  }) as Error;
}

async function isFollowedAfterALoad(): Promise<void> {
  const { position: anew } = await snapshotOf(session);
  const reader = read(session, anew);
  await items.run(`insert into $table values ('late')`);
  await until(() => reader.changes.length > 0);
  await reader.stop();
  expect(reader.changes).toMatchObject([{ op: 'upsert', id: 'late' }]);
}

describeOnPostgres('a table with an outbox that is not what it was', () => {
  it.each([
    ['a column was added', `alter table $table add column more text default 'x'`],
    ['a column was dropped', 'alter table $table drop column spare'],
    ['a column was made anew', 'alter table $table drop column spare, add column spare int default 1'],
    ['a column has another type', 'alter table $table alter column version type varchar(9)'],
    [
      'a column was written anew with the same type',
      'alter table $table alter column spare type int using spare + 1',
    ],
    ['a column is computed in another way', 'alter table $table alter column size set expression as (spare)'],
    ['a column was renamed', 'alter table $table rename column version to release'],
    [
      'the table was made anew',
      'drop table $table; create table $table (id text primary key, version text, spare int)',
    ],
    ['a trigger was dropped', 'drop trigger $outbox_truncate on $table'],
    [
      'the triggers were disabled for a moment',
      'alter table $table disable trigger user; alter table $table enable trigger user',
    ],
    [
      'the triggers were disabled in a transaction that put them back',
      `begin; alter table $table disable trigger user; update $table set version = '5'; alter table $table
        enable always trigger $outbox_row, enable always trigger $outbox_truncate; commit`,
    ],
    ['the outbox was dropped', 'drop table $outbox'],
    ['its state was dropped', 'drop table state_of_$outbox'],
  ])('is noticed while it is followed, and has to be loaded again: %s', async (_, sql) => {
    const following = follows(position);
    following.catch(() => undefined);
    await items.run(sql);
    await expect(following).rejects.toThrow(sourceError(/table|outbox/));
    await session.close();
    session = await items.open();
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
    await isFollowedAfterALoad();
  });

  it('gives no change that was written for another layout, however rarely it is looked at', async () => {
    session = await items.open({ heartbeatMs: 60_000 });
    ({ position } = await snapshotOf(session));
    const seen: unknown[] = [];
    const following = follows(position, seen);
    following.catch(() => undefined);
    await items.run(`update $table set version = '2' where id = 'a'`);
    await until(() => seen.length === 1);
    await items.run(`alter table $table drop column spare, add column next text default 'x';
      update $table set version = '3' where id = 'a'`);
    await expect(following).rejects.toThrow(sourceError(/loaded again/));
    expect(seen).toHaveLength(1);
  });

  it('is the same when its SQL is run again, and another one when other options are given', async () => {
    await session.close();
    await items.run(outboxSql({ table: items.name, key: 'id' }));
    session = await items.open();
    expect(await session.resume(position)).toHaveProperty('from');
    session = await items.open({ where: `version <> 'x'` });
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
  });

  it('can be written all the time, though its key has another name', async () => {
    const following = follows(position);
    following.catch(() => undefined);
    await items.run(`alter table $table rename column id to code; insert into $table values ('c', '1');
      update $table set version = '2'; delete from $table where code = 'a'`);
    await expect(following).rejects.toThrow(sourceError(/loaded again/));
    await session.close();
    session = await items.open();
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
    await isFollowedAfterALoad();
  });

  it('can be written though its condition fails, and is loaded again then', async () => {
    const where = `10 / coalesce(spare, 1) > 0`;
    session = await items.open({ where });
    ({ position } = await snapshotOf(session));
    const following = follows(position);
    following.catch(() => undefined);
    await items.run('update $table set spare = 0; update $table set spare = 1');
    await expect(following).rejects.toThrow(sourceError(/could not tell of a change \(22012\)/));
    expect(await session.resume(position)).toEqual({
      reload: 'lost-changes',
      detail: expect.stringMatching(/22012/),
    });
    await isFollowedAfterALoad();
  });

  it.each([
    ['was detached', 'alter table $table detach partition $table_1'],
    ['was emptied alone', 'truncate $table_1'],
    [
      'was written while its triggers were disabled',
      `alter table $table_1 disable trigger user; update $table set version = '7'; alter table $table_1 enable trigger user`,
    ],
  ])('is loaded again when one of its partitions %s', async (_, sql) => {
    await items.close();
    await items.run(`drop table $table, $outbox, state_of_$outbox;
      create table $table (id text primary key, version text) partition by list (id);
      create table $table_1 partition of $table for values in ('a');
      create table $table_2 partition of $table default; insert into $table values ('a')`);
    session = await items.open();
    ({ position } = await snapshotOf(session));
    const following = follows(position);
    following.catch(() => undefined);
    await items.run(sql);
    await expect(following).rejects.toThrow(sourceError(/loaded again/));
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
    await isFollowedAfterALoad();
  });
});

describeOnPostgres('an outbox', () => {
  it('has one reader: another one takes over, and the first is told', async () => {
    const following = follows(position);
    following.catch(() => undefined);
    const other = await items.open();
    await snapshotOf(other);
    await expect(following).rejects.toThrow(sourceError(/Somebody else .* choose a name with `outbox`/));
  });

  it('keeps what another one still needs, though the first acknowledges it', async () => {
    const reader = read(session, position);
    await items.run(`insert into $table values ('c', '1')`);
    await until(() => reader.changes.length === 1);
    await reader.stop();
    const other = await items.open();
    const resumed = await other.resume(position);
    await session.acknowledge(reader.batches.at(-1)!.position);
    await session.resume('nonsense');
    const otherReader = read(other, (resumed as { from: string }).from);
    await until(() => otherReader.changes.length === 1);
    await otherReader.stop();
  });

  it('of another name is another one, for a second dataset', async () => {
    const second = await items.open({ outbox: `second_${items.name}`, where: `version > '1'` });
    const taken = await snapshotOf(second);
    const readers = [read(session, position), read(second, taken.position)];
    await items.run(`insert into $table values ('c', '2')`);
    await until(() => readers.every(({ changes }) => changes.length === 1));
    await Promise.all(readers.map((reader) => reader.stop()));
  });

  it('forgets only after the time in which Redis may still forget', async () => {
    session = await items.open({ acknowledgeAfterMs: 60_000 });
    const resumed = await session.resume(position);
    const reader = read(session, (resumed as { from: string }).from);
    await items.run(`update $table set version = '2'`);
    await reader.isIdle();
    await session.acknowledge(reader.batches.at(-1)?.position ?? '');
    await reader.stop();
    await session.close();
    session = await items.open();
    expect(await session.resume(position)).toHaveProperty('from');
  });

  it('is soon empty when nobody writes, also of what a load has passed over', async () => {
    await session.close();
    await items.run(`update $table set version = '2'`);
    session = await items.open();
    const model = new Model([]);
    const taken = await snapshotOf(session);
    model.load(taken.records);
    const reader = read(session, taken.position);
    const isForgotten = async () => {
      const latest = reader.batches.at(-1);
      if (latest) await session.acknowledge(latest.position);
      return (await items.waiting()) === 0;
    };
    await items.run(`update $table set version = '3'`);
    await until(isForgotten);
    await reader.stop();
  });

  it.each([
    ['its state', 'update state_of_$outbox set epoch = 0'],
    ['its numbers', `alter table $outbox alter column seq restart`],
  ])('that was set back is noticed: %s', async (_, sql) => {
    const reader = read(session, position);
    await items.run(`update $table set version = '2'`);
    await reader.isIdle();
    await reader.stop();
    await session.close();
    await items.run(sql);
    session = await items.open();
    expect(await session.resume(reader.batches.at(-1)!.position)).toEqual({
      reload: 'source-changed',
      detail: expect.stringMatching(/set back/),
    });
  });

  it('gives nothing that a crash of the server could still take back', async () => {
    const reader = read(session, position);
    await items.run(`insert into $table values ('safe', '1')`);
    await until(() => reader.changes.length === 1);
    const writer = await postgres.client();
    await writer.query('set synchronous_commit = off');
    await writer.query(`insert into ${items.name} values ('hasty', '1')`);
    await until(async () => ((await session.lag(reader.batches.at(-1)!.position)).events ?? 0) > 0);
    await postgres.kill();
    await postgres.start();
    await items.run(`insert into $table values ('later', '1')`);
    await until(() => reader.changes.some((change) => 'id' in change && change.id === 'later'));
    await reader.stop();
    const told = reader.changes.map((change) => 'id' in change && change.id);
    const there = (await items.run(`select id from $table where id not in ('a', 'b')`)).map(({ id }) => id);
    expect([...told].sort()).toEqual(there.sort());
  });
});
