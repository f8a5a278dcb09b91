import {
  type PostgresReport,
  outboxRemovalSql,
  outboxSql,
  prepareOutbox,
} from '../../src/sources/postgres/outbox/index.js';
import { snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ max_prepared_transactions: 5 });
});

afterAll(() => postgres.stop());

function textsOf({ findings }: PostgresReport, wanted = 'problem'): string[] {
  return findings.filter(({ level }) => level === wanted).map(({ text }) => text);
}

describeOnPostgres('what belongs to the application', () => {
  it('is not taken for the state of another outbox, whatever its name', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run('create table $table_state (id text primary key)');
    const other = { ...items.options, table: `${items.name}_state` };
    expect(await prepareOutbox(items.options)).toMatchObject({ isReady: true });
    expect(await prepareOutbox(other)).toMatchObject({ isReady: true });
    await items.run(`insert into $table values ('a'); insert into $table_state values ('a')`);
  });

  it.each([
    ['a table', 'create table own_$table as select 1 as payload', 'select payload from own_$table'],
    ['a view', 'create view own_$table as select 1 as payload', 'select payload from own_$table'],
    [
      'a function',
      `create function own_$table() returns trigger language plpgsql as 'begin return null; end'`,
      `select from pg_proc where proname = 'own_$table' and prosrc like 'begin return null%'`,
    ],
    [
      'a trigger',
      `create function free_$table() returns trigger language plpgsql as 'begin return null; end';
        create trigger own_$table_row after insert on $table execute function free_$table()`,
      `select from pg_trigger where tgname = 'own_$table_row'`,
    ],
  ])('is left alone though the outbox would have its name: %s', async (_, sql, isThere) => {
    const items = await OutboxTable.create(postgres);
    const options = { ...items.options, outbox: `own_${items.name}` };
    await items.run(sql);
    const report = await prepareOutbox(options);
    expect(textsOf(report)).toEqual([expect.stringMatching(/not one of ours: choose another name/)]);
    expect(report.findings.map((finding) => finding.sql)).toEqual([undefined]);
    await expect(items.run(outboxSql({ ...options, key: 'id' }))).rejects.toThrow(/not one of ours/);
    await expect(items.run(outboxRemovalSql(options))).rejects.toThrow(/not one of ours/);
    expect(await items.run(isThere)).toHaveLength(1);
    await items.run(`insert into $table values ('a', '1')`);
  });

  it('is not given the outbox of another table, which goes on', async () => {
    const [items, other] = [await OutboxTable.create(postgres), await OutboxTable.create(postgres)];
    expect(await prepareOutbox(items.options)).toMatchObject({ isReady: true });
    const options = { ...other.options, outbox: `prefetch_outbox_${items.name}` };
    expect(textsOf(await prepareOutbox(options))).toEqual([expect.stringMatching(/of another table/)]);
    await expect(items.run(outboxSql({ ...options, key: 'id' }))).rejects.toThrow(/of another table/);
    await items.run(`insert into $table values ('a', '1')`);
    expect(await items.waiting()).toBe(1);
  });

  it('can be written when somebody has changed the outbox: it is not called ready', async () => {
    const items = await OutboxTable.create(postgres);
    await prepareOutbox(items.options);
    await items.run('drop trigger $outbox_row on $table; alter table $outbox drop column content');
    expect(textsOf(await prepareOutbox(items.options))).toEqual([expect.stringMatching(/"content"/)]);
    await items.run(`insert into $table values ('a', '1')`);
  });
});

describeOnPostgres('a condition', () => {
  it.each(['version) or (true', 'true) -- ', 'true]) or (array[true', 'true /*', 'true; select 1'])(
    'that is more than one is refused: %s',
    async (where) => {
      const items = await OutboxTable.create(postgres, 'id text primary key, version bool');
      expect(textsOf(await prepareOutbox({ ...items.options, where }))).toEqual([
        expect.stringMatching(/`where` cannot be used/),
      ]);
    },
  );

  it('may hold whatever the SQL around it holds', async () => {
    const items = await OutboxTable.create(postgres, undefined, {
      where: `version not in ('$prefetch$', '$prefetch_1$', '$guard$')`,
    });
    const { changes } = await items.changesOf(`insert into $table values ('a', '1'), ('b', '$prefetch$')`);
    expect(changes).toMatchObject([
      { op: 'upsert', id: 'a' },
      { op: 'delete', id: 'b' },
    ]);
    await items.close();
  });
});

describeOnPostgres('a table', () => {
  it.each(['new', 'old'])('may be named as the row of a trigger is: %s', async (name) => {
    await postgres.run(`create table "${name}" (id text primary key, version text);
      insert into "${name}" values ('a', '1'), ('b', '1')`);
    const items = await OutboxTable.create(postgres, undefined, { table: name });
    const session = await items.open();
    expect((await snapshotOf(session)).records).toHaveLength(2);
    await postgres.run(`update "${name}" set id = 'c' where id = 'b'`);
    const rows = await postgres.run(`select op, content from prefetch_outbox_${name} order by seq`);
    expect(rows).toEqual([
      { op: 'delete', content: '(b)' },
      { op: 'upsert', content: '(c,1)' },
    ]);
    await items.close();
  });
});

describeOnPostgres('several that prepare at once', () => {
  it('are all told that it is ready', async () => {
    for (let round = 0; round < 5; round++) {
      const items = await OutboxTable.create(postgres);
      const reports = await Promise.all(Array.from({ length: 6 }, () => prepareOutbox(items.options)));
      expect(reports.flatMap((report) => textsOf(report))).toEqual([]);
    }
  });
});

describeOnPostgres('prepareOutbox()', () => {
  it('finds a function whose owner may no longer read the table or write to the outbox', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run('create role owner_$table; grant usage, create on schema public to owner_$table');
    await prepareOutbox(items.options);
    await items.run('alter function $outbox() owner to owner_$table');
    const report = await prepareOutbox(items.options);
    expect(textsOf(report)).toEqual([
      expect.stringMatching(/runs as its owner owner_.*, who may not read/),
      expect.stringMatching(/runs as its owner owner_.*, who may not write/),
    ]);
    for (const { sql } of report.findings) await items.run(sql ?? '');
    expect(await prepareOutbox(items.options)).toEqual({ isReady: true, findings: [] });
    await items.run(`insert into $table values ('a', '1')`);
    expect(await items.run('select op from $outbox')).toEqual([{ op: 'upsert' }]);
  });

  it('sees that row security hides rows from the owner of the function', async () => {
    const items = await OutboxTable.create(postgres);
    await prepareOutbox(items.options);
    await items.run(`create role owner_$table; grant usage, create on schema public to owner_$table;
      alter function $outbox() owner to owner_$table; grant select on $table to owner_$table;
      grant insert on $outbox to owner_$table; alter table $table enable row level security`);
    expect(textsOf(await prepareOutbox(items.options))).toEqual([
      expect.stringMatching(/hides rows .* from the owner of/),
    ]);
  });

  it('warns of NOTIFY where transactions may be prepared', async () => {
    const items = await OutboxTable.create(postgres);
    const report = await prepareOutbox({ ...items.options, notify: true });
    expect(report.isReady).toBe(true);
    expect(textsOf(report, 'warning')).toEqual([expect.stringMatching(/PREPARE TRANSACTION fails/)]);
  });

  it('leaves a trigger disabled that somebody has disabled', async () => {
    const items = await OutboxTable.create(postgres);
    await prepareOutbox(items.options);
    await items.run('alter table $table disable trigger user');
    const report = await prepareOutbox(items.options);
    expect(textsOf(report)).toEqual([expect.stringMatching(/_row is disabled/)]);
    expect(textsOf(await prepareOutbox({ ...items.options, where: 'true' }))).toEqual(textsOf(report));
    for (const { sql } of report.findings) await items.run(sql ?? '');
    expect(await prepareOutbox(items.options)).toEqual({ isReady: true, findings: [] });
  });
});
