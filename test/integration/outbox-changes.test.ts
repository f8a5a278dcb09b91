import type { OutboxSourceOptions } from '../../src/sources/postgres/outbox/index.js';
import type { ContractRecord } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';

let postgres: TestPostgres;
const open: OutboxTable[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterEach(() => Promise.all(open.splice(0).map((table) => table.close())));
afterAll(() => postgres.stop());

async function table(columns: string, options: Partial<OutboxSourceOptions<ContractRecord>> = {}) {
  const created = await OutboxTable.create(postgres, columns, options);
  open.push(created);
  return created;
}

const upsert = (id: string, record: object = {}) => ({ op: 'upsert', id, record: { id, ...record } });
const removal = (id: string) => ({ op: 'delete', id });

describeOnPostgres('what the outbox source makes of changes', () => {
  it('turns a changed key into the end of the old record and a new one', async () => {
    const items = await table('id text primary key, version text');
    await items.run(`insert into $table values ('old', '1')`);
    const { changes } = await items.changesOf(`update $table set id = 'new'`);
    expect(changes).toEqual([removal('old'), upsert('new', { version: '1' })]);
  });

  it('tells of a truncation, and nothing of what was rolled back', async () => {
    const items = await table('id text primary key');
    const { changes } = await items.changesOf(`
      begin; insert into $table values ('a'); savepoint before; insert into $table values ('b');
      rollback to before; truncate $table; insert into $table values ('c'); commit`);
    expect(changes).toEqual([upsert('a'), { op: 'truncate' }, upsert('c')]);
  });

  it('tells every row of an upsert and of a cascade once', async () => {
    const items = await table('id text primary key, parent text');
    await items.run(`alter table $table add foreign key (parent) references $table on delete cascade;
      insert into $table values ('a', null), ('b', 'a')`);
    const { changes } = await items.changesOf(`
      insert into $table values ('a', null) on conflict (id) do update set parent = null;
      insert into $table values ('a', null) on conflict do nothing; delete from $table where id = 'a'`);
    expect(changes).toEqual([upsert('a', { parent: null }), removal('a'), removal('b')]);
  });

  it('keeps every record when rows swap their keys', async () => {
    const items = await table('id int primary key, version text');
    await items.run(`insert into $table values (1, 'a'), (2, 'b'), (3, 'c')`);
    const { changes } = await items.changesOf(`begin; update $table set id = -id;
      update $table set id = 1 - id % 3 where id < 0; commit`);
    const end = new Map<unknown, unknown>();
    for (const change of changes as { op: string; id: string; record?: ContractRecord }[]) {
      if (change.op === 'delete') end.delete(change.id);
      else end.set(change.id, change.record?.version);
    }
    expect(Object.fromEntries(end)).toEqual({ 1: 'c', 2: 'a', 3: 'b' });
  });

  it('ends with the latest state when a trigger of the application writes the row once more', async () => {
    const items = await table('id text primary key, version text, depth int');
    await items.run(`
      create function deepen_$table() returns trigger language plpgsql as $f$ begin
        update $table set depth = depth + 1 where depth < 3; return null; end $f$;
      create trigger a_deepen after insert or update on $table for each row execute function deepen_$table();
      insert into $table values ('a', '1', 3)`);
    const { changes } = await items.changesOf(`insert into $table values ('b', '1', 0), ('c', '1', 0)`);
    const latest = (id: string) => changes.findLast((change) => (change as { id?: string }).id === id);
    expect(latest('b')).toEqual(upsert('b', { version: '1', depth: 3 }));
    expect(latest('c')).toEqual(upsert('c', { version: '1', depth: 3 }));
  });

  it('makes one id of several columns, another for every key, and for every text of a value', async () => {
    const items = await table('shop numeric, code text, version text, primary key (code, shop)');
    await items.run(`insert into $table values (1, 'a~1', '1'), (1, 'a', '1')`);
    const { records, changes } = await items.changesOf(
      `delete from $table where code = 'a~1'; update $table set shop = 1.0`,
    );
    expect(records.map(({ id }) => id).sort()).toEqual(['a%7E1~1', 'a~1']);
    expect(changes).toEqual([
      removal('a%7E1~1'),
      removal('a~1'),
      upsert('a~1.0', { shop: '1.0', code: 'a', version: '1' }),
    ]);
  });

  it('takes only the columns that were asked for, and writes no others down', async () => {
    const items = await table('id int primary key, secret text, version text', { columns: ['version'] });
    const { changes } = await items.changesOf(`insert into $table values (1, 'geheim', 'a')`);
    expect(changes).toEqual([upsert('1', { version: 'a' })]);
    expect(JSON.stringify(await items.run('select * from $outbox'))).not.toMatch(/geheim/);
  });

  it('takes only the rows of the condition: one that leaves it is removed', async () => {
    const items = await table('id int primary key, version text, shown bool', {
      where: `shown and version <> ''`,
    });
    await items.run(`insert into $table values (1, 'a', true), (2, 'b', false)`);
    const { records, changes } = await items.changesOf(`
      update $table set shown = true where id = 2; update $table set shown = false where id = 1`);
    expect(records).toEqual([{ id: '1', version: 'a', shown: true }]);
    expect(changes).toEqual([upsert('2', { version: 'b', shown: true }), removal('1')]);
  });

  it('hands on a row that the map refuses, with the reason', async () => {
    const items = await table('id text primary key, version text', {
      map: ({ version }) => {
        if (version === 'bad') throw new Error('no good');
        return { version: version ?? '' };
      },
    });
    const { changes } = await items.changesOf(`insert into $table values ('a', 'bad')`);
    expect(changes).toEqual([
      {
        op: 'invalid',
        id: 'a',
        raw: { id: 'a', version: 'bad' },
        reason: expect.stringMatching(/no good/),
      },
    ]);
  });

  it('follows a partitioned table as one, also when a partition is written', async () => {
    const items = await table('id int');
    await items.run(`drop table $table;
      create table $table (id int primary key, version text) partition by range (id);
      create table $table_2 (version text, id int not null);
      create table $table_1 partition of $table for values from (0) to (10);
      alter table $table attach partition $table_2 for values from (10) to (20);
      insert into $table values (1, 'a')`);
    const { records, changes } = await items.changesOf(`insert into $table values (11, 'b');
      update $table set id = 12 where id = 1; update $table_2 set version = 'c' where id = 11`);
    expect(records).toEqual([{ id: '1', version: 'a' }]);
    expect(changes).toEqual([
      upsert('11', { version: 'b' }),
      removal('1'),
      upsert('12', { version: 'a' }),
      upsert('11', { version: 'c' }),
    ]);
  });

  it('sees what a role writes that has no right on the outbox, and what replication writes', async () => {
    const items = await table('id text primary key');
    await items.run(`create role app_of_$table; grant insert on $table to app_of_$table`);
    const { changes } = await items.changesOf(`
      set role app_of_$table; insert into $table values ('a'); reset role;
      set session_replication_role = replica; insert into $table values ('b')`);
    expect(changes).toEqual([upsert('a'), upsert('b')]);
  });

  it('makes the same values of a row in a snapshot and in the outbox, whatever the settings of who writes', async () => {
    await postgres.run(`create domain small as int check (value < 10); create domain smaller as small;
      create type color as enum ('red', 'deep "green"'); create type pair as (x int, y text)`);
    const items =
      await table(`id int primary key, i8 bigint, n numeric, f4 real, f8 float8, b bool, t text, v varchar,
      c char(5), d date, ts timestamp, tz timestamptz, far timestamptz, old timestamptz, tt timetz, iv interval,
      u uuid, j json, jb jsonb, a text[], ai int[], shifted int[], by bytea, m money, r tstzrange, e color,
      s smaller, p pair, ps pair[], inet inet, bits bit(3), nothing text, empty text`);
    const row = (id: number) =>
      `insert into $table values (${id}, 9007199254740993, 1.10, 'NaN', -0.1::float8 * 3, true, E'ä"\\\\,()\\n', 'v',
      'ab', '0044-03-15 BC', '2024-05-06 07:08:09.123456', '2024-05-06 07:08:09.123456+02', '-infinity',
      '1883-01-01 00:00+00 BC', '07:08:09+02', '-1 year 2 days -03:04:05.6', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '{"z": [1], "a": "\\u0000", "a": 1e400}', '{"x": null}', array['a', 'b "c"', null, '', 'NULL'],
      '{{1,2},{3,4}}', '[0:1]={5,6}', '\\x01ff', -1234.5, '[2024-01-01 00:00+00, infinity)', 'deep "green"',
      5, row(1, 'a,"b"'), array[row(1, null)::pair, row(2, ' ')::pair], '10.0.0.1/8', B'101', null, '')`;
    await items.run(row(1));
    const { records, changes } = await items.changesOf(`
      set datestyle = 'German'; set timezone = 'America/New_York'; set intervalstyle = 'sql_standard';
      set bytea_output = 'escape'; set extra_float_digits = -5; set search_path = nowhere, public; ${row(2)}`);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      f4: 'NaN',
      tz: '2024-05-06T05:08:09.123456Z',
      shifted: '[0:1]={5,6}',
      by: '\\x01ff',
    });
    expect(changes).toEqual([upsert('2', { ...records[0], id: '2' })]);
  });
});
