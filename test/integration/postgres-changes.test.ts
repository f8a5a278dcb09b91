import type { PostgresSourceOptions } from '../../src/sources/postgres/index.js';
import type { ContractRecord } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';

let postgres: TestPostgres;
const open: PostgresTable[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterEach(() => Promise.all(open.splice(0).map((table) => table.close())));
afterAll(() => postgres.stop());

async function table(columns: string, options: Partial<PostgresSourceOptions<ContractRecord>> = {}) {
  const created = await PostgresTable.create(postgres, columns, options);
  open.push(created);
  return created;
}

/** Too long to be stored in the row, and not to be compressed. */
const long = `(select string_agg(md5(random()::text), '') from generate_series(1, 200))`;

describeOnPostgres('what the Postgres source makes of changes', () => {
  it('turns a changed key into the end of the old record and a new one', async () => {
    const items = await table('id text primary key, version text');
    await items.run(`insert into $table values ('old', '1')`);
    const { changes } = await items.changesOf(`update $table set id = 'new'`);
    expect(changes).toEqual([
      { op: 'delete', id: 'old' },
      { op: 'upsert', id: 'new', record: { id: 'new', version: '1' } },
    ]);
  });

  it('tells of a truncation', async () => {
    const items = await table('id text primary key');
    await items.run(`insert into $table values ('a')`);
    const { changes } = await items.changesOf(`truncate $table; insert into $table values ('b')`);
    expect(changes).toEqual([{ op: 'truncate' }, { op: 'upsert', id: 'b', record: { id: 'b' } }]);
  });

  it('gives only what was sent when a long value did not change', async () => {
    const items = await table('id text primary key, version text, body text');
    await items.run(`insert into $table values ('a', '1', ${long})`);
    const { records, changes } = await items.changesOf(`update $table set version = '2'`);
    expect(records[0]?.['body']).toHaveLength(6_400);
    expect(changes).toEqual([{ op: 'upsert', id: 'a', partial: true, record: { id: 'a', version: '2' } }]);
  });

  it('gives whole records with REPLICA IDENTITY FULL', async () => {
    const items = await table('id text primary key, version text, body text');
    await items.run(
      `alter table $table replica identity full; insert into $table values ('a', '1', ${long})`,
    );
    const { records, changes } = await items.changesOf(
      `update $table set version = '2'; update $table set id = 'b'; delete from $table`,
    );
    const record = { ...records[0], version: '2' };
    expect(changes).toEqual([
      { op: 'upsert', id: 'a', record },
      { op: 'delete', id: 'a' },
      { op: 'upsert', id: 'b', record: { ...record, id: 'b' } },
      { op: 'delete', id: 'b' },
    ]);
  });

  it('does not let a map make up values that were not sent', async () => {
    const items = await table('id text primary key, version text, body text', {
      map: ({ version, body }) => ({ version: version ?? '', length: body?.length ?? 0 }),
    });
    await items.run(`insert into $table values ('a', '1', ${long})`);
    const { records, changes } = await items.changesOf(
      `update $table set version = '2'; update $table set body = 'short'`,
    );
    expect(records).toEqual([{ id: 'a', version: '1', length: 6_400 }]);
    expect(changes).toEqual([
      {
        op: 'invalid',
        id: 'a',
        raw: { id: 'a', version: '2' },
        reason: expect.stringMatching(/body.*FULL/),
      },
      { op: 'upsert', id: 'a', record: { id: 'a', version: '2', length: 5 } },
    ]);
  });

  it('does not let a map do so that catches what the row throws', async () => {
    const items = await table('id text primary key, version text, body text', {
      map: (row) => {
        let length = 0;
        try {
          length = row['body']?.length ?? 0;
        } catch {
          // as somebody might who knows that a body may be missing
        }
        return { version: row['version'] ?? '', length };
      },
    });
    await items.run(`insert into $table values ('a', '1', ${long})`);
    const { changes } = await items.changesOf(`update $table set version = '2'`);
    expect(changes).toMatchObject([
      { op: 'invalid', id: 'a', reason: expect.stringMatching(/body.*FULL/) as string },
    ]);
  });

  it('gives whole records when the map does not need the values that were not sent', async () => {
    const items = await table('id text primary key, version text, body text', {
      map: ({ version }) => ({ version: version ?? '' }),
    });
    await items.run(`insert into $table values ('a', '1', ${long})`);
    const { changes } = await items.changesOf(`update $table set version = '2'`);
    expect(changes).toEqual([{ op: 'upsert', id: 'a', record: { id: 'a', version: '2' } }]);
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

  it('makes one id of several columns, another for every key', async () => {
    const items = await table('shop int, code text, version text, primary key (code, shop)');
    await items.run(`insert into $table values (1, 'a~1', '1'), (1, 'a', '1')`);
    const { records, changes } = await items.changesOf(`delete from $table where code = 'a~1'`);
    expect(records.map(({ id }) => id).sort()).toEqual(['a%7E1~1', 'a~1']);
    expect(changes).toEqual([{ op: 'delete', id: 'a%7E1~1' }]);
  });

  it('makes no id of what is only included in the index of the key', async () => {
    const items = await table('id text, version text, primary key (id) include (version)');
    await items.run(`insert into $table values ('a', '1')`);
    const { records } = await items.changesOf('select 1');
    expect(records).toEqual([{ id: 'a', version: '1' }]);
  });

  it('takes only the columns that were asked for, and only the rows of the condition', async () => {
    const items = await table('id int primary key, version text, secret text, shown bool', {
      columns: ['version', 'shown'],
      where: 'shown',
      create: true,
    });
    await items.run(`alter table $table replica identity full`);
    // A row filter on what is not the key needs all columns to be published.
    await items.run(`create publication prefetch_$table for table $table where (shown)`);
    await items.run(`insert into $table values (1, 'a', 's', true), (2, 'b', 's', false)`);
    const { records, changes } = await items.changesOf(
      `update $table set shown = true where id = 2; update $table set shown = false where id = 1`,
    );
    expect(records).toEqual([{ id: '1', version: 'a', shown: true }]);
    expect(changes).toEqual([
      { op: 'upsert', id: '2', record: { id: '2', version: 'b', shown: true } },
      { op: 'delete', id: '1' },
    ]);
  });

  it('creates a publication of the columns that were asked for', async () => {
    const items = await table('id int primary key, version text, secret text', { columns: ['version'] });
    const { changes } = await items.changesOf(`insert into $table values (1, 'a', 'secret')`);
    expect(changes).toEqual([{ op: 'upsert', id: '1', record: { id: '1', version: 'a' } }]);
    const [published] = await items.run(
      `select attnames::text from pg_publication_tables where tablename = '$table'`,
    );
    expect(published).toEqual({ attnames: '{id,version}' });
  });

  it('follows a partitioned table as one', async () => {
    const created = await table('id int, version text');
    await created.run(`drop table $table;
      create table $table (id int primary key, version text) partition by range (id);
      create table $table_1 partition of $table for values from (0) to (10);
      create table $table_2 partition of $table for values from (10) to (20);
      insert into $table values (1, 'a')`);
    const { records, changes } = await created.changesOf(
      `insert into $table values (11, 'b'); update $table set id = 12 where id = 1`,
    );
    expect(records).toEqual([{ id: '1', version: 'a' }]);
    expect(changes).toEqual([
      { op: 'upsert', id: '11', record: { id: '11', version: 'b' } },
      { op: 'delete', id: '1' },
      { op: 'upsert', id: '12', record: { id: '12', version: 'a' } },
    ]);
  });

  it('makes the same values of a row in a snapshot and in the stream, by their types', async () => {
    const items =
      await table(`id int primary key, i8 bigint, n numeric, f float8, b bool, t text, v varchar, d date,
      ts timestamp, tz timestamptz, u uuid, j json, jb jsonb, a text[], ai int[], by bytea, e money, nothing text`);
    const row = (id: number) =>
      `insert into $table values (${id}, 9007199254740993, 1.10, 0.1, true, 'ä"\\', 'v', '2024-05-06',
      '2024-05-06 07:08:09.123456', '2024-05-06 07:08:09.123456+02', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      '{"x": [1]}', '{"x": null}', array['a', 'b "c"', null, ''], '{{1,2},{3,4}}', '\\x01ff', 1, null)`;
    await items.run(row(1));
    const { records, changes } = await items.changesOf(row(2));
    const record = {
      id: '1',
      i8: '9007199254740993',
      n: '1.10',
      f: 0.1,
      b: true,
      t: 'ä"\\',
      v: 'v',
      d: '2024-05-06',
      ts: '2024-05-06 07:08:09.123456',
      tz: '2024-05-06T05:08:09.123456Z',
      u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      j: { x: [1] },
      jb: { x: null },
      a: ['a', 'b "c"', null, ''],
      ai: [
        [1, 2],
        [3, 4],
      ],
      by: '\\x01ff',
      e: '$1.00',
      nothing: null,
    };
    expect(records).toEqual([record]);
    expect(changes).toEqual([{ op: 'upsert', id: '2', record: { ...record, id: '2' } }]);
  });

  it('reads a domain as what is under it, and an enum as a text', async () => {
    await postgres.run(`create domain small as int check (value < 10); create domain smaller as small;
      create type color as enum ('red', 'green')`);
    const items = await table('id text primary key, n smaller, c color');
    const { changes } = await items.changesOf(`insert into $table values ('a', 5, 'green')`);
    expect(changes).toEqual([{ op: 'upsert', id: 'a', record: { id: 'a', n: 5, c: 'green' } }]);
  });
});
