import { Turns } from '../../src/sources/postgres/outbox/turns.js';
import { read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterEach(() => jest.restoreAllMocks());
afterAll(() => postgres.stop());

/** Runs the SQL right before or right after the moment that a snapshot shows, each time or only so many times. */
function interrupt(items: OutboxTable, when: 'before' | 'after', sql: string, times = 1): void {
  const inTurn = Object.getOwnPropertyDescriptor(Turns.prototype, 'inTurn')?.value as Turns['inTurn'];
  let left = times;
  jest.spyOn(Turns.prototype, 'inTurn').mockImplementation(async function (this: Turns, work) {
    const isNow = left-- > 0;
    if (isNow && when === 'before') await items.run(sql);
    const result = await inTurn.call(this, work);
    if (isNow && when === 'after') await items.run(sql);
    return result;
  });
}

describeOnPostgres('a snapshot beside an outbox', () => {
  it.each(['before', 'after'] as const)(
    'holds the rows of a partition that is attached right %s the moment it shows',
    async (when) => {
      const items = await OutboxTable.create(postgres, 'id int primary key, version text');
      await items.run(`drop table $table;
        create table $table (id int primary key, version text) partition by range (id);
        create table $table_1 partition of $table for values from (0) to (10);
        create table $table_2 (id int not null, version text);
        insert into $table values (1, 'a'); insert into $table_2 values (11, 'b')`);
      const session = await items.open();
      interrupt(
        items,
        when,
        `insert into $table_2 values (12, 'c');
        alter table $table attach partition $table_2 for values from (10) to (20)`,
      );
      const { records, position } = await snapshotOf(session);
      expect(records.map(({ id }) => id).sort()).toEqual(['1', '11', '12']);
      const reader = read(session, position);
      await items.run(`insert into $table values (13, 'd')`);
      await until(() => reader.changes.length === 1);
      await reader.stop();
      await items.close();
    },
  );

  it.each(['before', 'after'] as const)(
    'is refused when the triggers are disabled right %s the moment it shows',
    async (when) => {
      const items = await OutboxTable.create(postgres);
      await items.run(`insert into $table values ('a', '1')`);
      const session = await items.open();
      interrupt(items, when, `alter table $table disable trigger user; update $table set version = '2'`);
      const followed = (async () => {
        const { position } = await snapshotOf(session);
        for await (const batch of session.changes(position, {
          signal: AbortSignal.timeout(5_000),
          maxBatch: 10,
        }))
          throw new Error(`It gave ${JSON.stringify(batch)}`);
      })();
      await expect(followed).rejects.toThrow(/was disabled|loaded again/);
      await items.close();
    },
  );

  it('is given up when the table is changed each time that it begins', async () => {
    const items = await OutboxTable.create(postgres);
    const session = await items.open();
    const change = 'disable trigger user; alter table $table enable always trigger $outbox_row';
    interrupt(items, 'before', `alter table $table ${change}`, 5);
    await expect(snapshotOf(session)).rejects.toThrow(/changed 5 times/);
    await items.close();
  });

  it('shows the labels of an enum, which are loaded again when they have other names', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run(`create type mood_$table as enum ('glad', 'sad');
      create domain moods_$table as mood_$table[]; alter table $table add moods moods_$table`);
    const session = await items.open();
    const { position } = await snapshotOf(session);
    await items.run(`alter type mood_$table rename value 'glad' to 'happy'`);
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
    await items.close();
  });

  it('takes the key without the columns that its index only includes', async () => {
    const items = await OutboxTable.create(
      postgres,
      'id text, version text, primary key (id) include (version)',
    );
    await items.run(`insert into $table values ('a', '1')`);
    const { records, changes } = await items.changesOf(`update $table set version = '2'`);
    expect(records).toEqual([{ id: 'a', version: '1' }]);
    expect(changes).toEqual([{ op: 'upsert', id: 'a', record: { id: 'a', version: '2' } }]);
    await items.close();
  });
});
