import type { SourceSession } from '../../src/index.js';
import { type ContractRecord, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let items: PostgresTable;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterEach(() => items.close());
afterAll(() => postgres.stop());

/** Follows, runs the SQL, and gives what ended it and what a session says that comes later. */
async function seenOf(sql: string): Promise<{ ended: Promise<void>; resumed: () => Promise<object> }> {
  const session = await items.open();
  const { position } = await snapshotOf(session);
  const ended = endOf(session, position);
  ended.catch(() => undefined);
  await until(async () => (await items.slotState())?.['active']);
  await items.run(sql);
  return {
    ended,
    resumed: async () => {
      await session.close();
      return (await items.open()).resume(position);
    },
  };
}

async function endOf(session: SourceSession<ContractRecord>, from: string): Promise<void> {
  const changes = session.changes(from, { signal: new AbortController().signal, maxBatch: 10 });
  const iterator = changes[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}

describeOnPostgres('values that are made anew, of which the stream says nothing,', () => {
  it.each([
    [
      'numbers with fewer digits',
      'price numeric(10, 2)',
      'alter table $table alter column price type numeric(10, 1)',
    ],
    [
      'values computed anew, of the same type',
      '',
      `alter table $table alter column version type text using version || '!'`,
    ],
    ['a label of an enum', 'mood mood_$table', `alter type mood_$table rename value 'glad' to 'happy'`],
    [
      'values that are generated otherwise',
      'loud text generated always as (upper(version)) stored',
      'alter table $table alter column loud set expression as (upper(id))',
    ],
    ['one in a list', 'moods mood_$table[]', `alter type mood_$table rename value 'glad' to 'happy'`],
  ])('are noticed: %s', async (_, column, sql) => {
    items = await PostgresTable.create(postgres);
    await items.run(`create type mood_$table as enum ('glad', 'sad')`);
    if (column) await items.run(`alter table $table add column ${column}`);
    await items.run(
      `create publication prefetch_$table for table $table with (publish_generated_columns = stored)`,
    );
    const { ended, resumed } = await seenOf(sql);
    await expect(ended).rejects.toThrow(/table or its publication changed/);
    expect(await resumed()).toMatchObject({ reload: 'source-changed' });
  });

  it('are not taken for those of a truncated, analyzed or cleaned table', async () => {
    items = await PostgresTable.create(postgres);
    await items.run(`insert into $table values ('a', '1')`);
    const session = await items.open();
    const { position } = await snapshotOf(session);
    await items.run('vacuum (full, freeze) $table');
    await items.run('vacuum freeze pg_attribute');
    await items.run('truncate $table; analyze $table; create index on $table (version)');
    expect(await session.resume(position)).toEqual({ from: position });
  });
});

describeOnPostgres('partitions with rows', () => {
  it.each([
    ['one is detached', 'alter table $table detach partition $table_1'],
    ['one is dropped', 'drop table $table_1'],
    [
      'one is attached',
      `create table $table_3 (like $table including all);
      insert into $table_3 values ('c', '1');
      alter table $table attach partition $table_3 for values in ('c')`,
    ],
    ['one of another is detached', 'alter table $table_2 detach partition $table_2_1'],
  ])('that come and go are noticed: %s', async (_, sql) => {
    items = await PostgresTable.create(postgres);
    await items.run(`drop table $table; create table $table (id text primary key, version text) partition by list (id);
      create table $table_1 partition of $table for values in ('a');
      create table $table_2 partition of $table for values in ('b') partition by list (id);
      create table $table_2_1 partition of $table_2 for values in ('b');
      insert into $table values ('a', '1'), ('b', '1')`);
    const { ended, resumed } = await seenOf(sql);
    await expect(ended).rejects.toThrow(/table or its publication changed/);
    expect(await resumed()).toMatchObject({ reload: 'source-changed' });
  });
});

describeOnPostgres('what makes a table unfit to be followed', () => {
  it.each([
    ['updates are published no more', `alter publication prefetch_$table set (publish = 'insert, delete')`],
    [
      'its key is unique only at the end of a transaction',
      `alter table $table replica identity full, drop constraint $table_pkey,
      add primary key (id) deferrable initially deferred`,
    ],
  ])('is noticed while it is followed: %s', async (_, sql) => {
    items = await PostgresTable.create(postgres);
    const { ended } = await seenOf(sql);
    await expect(ended).rejects.toThrow(/table or its publication changed/);
    // What is in the way is said when somebody wants to begin anew.
    await expect(items.open()).rejects.toThrow(/not ready/);
  });
});
