import { inspect } from 'node:util';
import {
  type PostgresReport,
  OutboxSource,
  outboxRemovalSql,
  outboxSql,
  prepareOutbox,
} from '../../src/sources/postgres/outbox/index.js';
import { read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ wal_level: 'minimal', max_wal_senders: 0 });
  await postgres.run('create extension ltree');
});

afterAll(() => postgres.stop());

function problems({ findings }: PostgresReport): [string, string | undefined][] {
  return findings.filter(({ level }) => level === 'problem').map(({ text, sql }) => [text, sql]);
}

/** What there is of an outbox. */
function remains(items: OutboxTable): Promise<unknown[]> {
  return items.run(`
    select relname as name from pg_class where relname like '$outbox%'
    union all select proname from pg_proc where proname like '$outbox%'
    union all select tgname from pg_trigger where tgname like '$outbox%'`);
}

describeOnPostgres('prepareOutbox()', () => {
  it('makes the outbox, once, and says that all is ready', async () => {
    const items = await OutboxTable.create(postgres);
    expect(await prepareOutbox(items.options)).toEqual({
      isReady: true,
      findings: [
        { level: 'done', text: expect.any(String), sql: outboxSql({ table: items.name, key: 'id' }) },
      ],
    });
    expect(await prepareOutbox(items.options)).toEqual({ isReady: true, findings: [] });
  });

  it('makes nothing when it must not, and says what to run, which may be run again', async () => {
    const items = await OutboxTable.create(postgres);
    const options = { ...items.options, create: false };
    const report = await prepareOutbox(options);
    expect(problems(report)).toEqual([
      [expect.stringMatching(/outbox .* is not there/), expect.stringMatching(/^begin;\n/)],
    ]);
    expect(await remains(items)).toEqual([]);
    const [[, sql] = []] = problems(report);
    await items.run(sql ?? '');
    await items.run(sql ?? '');
    expect((await prepareOutbox(options)).isReady).toBe(true);
  });

  it('is undone by the SQL that removes it', async () => {
    const items = await OutboxTable.create(postgres);
    await prepareOutbox({ ...items.options, notify: true });
    expect(await remains(items)).not.toEqual([]);
    await items.run(outboxRemovalSql(items.options));
    await items.run(outboxRemovalSql(items.options));
    expect(await remains(items)).toEqual([]);
    await items.run(`insert into $table values ('a', '1')`);
  });

  it.each([
    ['a trigger was dropped', 'drop trigger $outbox_row on $table', /trigger .*_row is not there/],
    [
      'a trigger was disabled for a while',
      'alter table $table disable trigger all; alter table $table enable trigger all',
      /trigger .* was disabled/,
    ],
    ['the outbox was dropped', 'drop table $outbox', /outbox .* is not there/],
    [
      'the function is another',
      `comment on function $outbox() is 'express-prefetch-cache of another version'`,
      /filled for other options/,
    ],
  ])('finds and mends: %s', async (_, sql, text) => {
    const items = await OutboxTable.create(postgres);
    await prepareOutbox(items.options);
    await items.run(sql);
    expect(problems(await prepareOutbox({ ...items.options, create: false }))).toEqual([
      [expect.stringMatching(text), expect.stringMatching(/create trigger/)],
    ]);
    expect((await prepareOutbox(items.options)).isReady).toBe(true);
  });

  it.each<[string, string, string, RegExp, RegExp | undefined, object]>([
    ['no table', 'id int', 'drop table $table', /no table "public"."items/, undefined, {}],
    ['no key', 'id int', '', /no primary key/, undefined, {}],
    ['a key that is no column', 'id int', '', /no column code/, undefined, { key: 'code' }],
    [
      'a key that is not unique',
      'id int not null',
      '',
      /no unique index/,
      /create unique index/,
      { key: 'id' },
    ],
    [
      'a key that holds only when a transaction ends',
      'id int primary key deferrable',
      '',
      /is deferrable/,
      /create unique index/,
      {},
    ],
    [
      'a key of a type of an extension',
      'id public.ltree primary key',
      '',
      /type of an extension/,
      undefined,
      {},
    ],
    ['a key that may be null', 'id int unique', '', /may be null/, /set not null/, { key: 'id' }],
    [
      'a column that is not there',
      'id int primary key',
      '',
      /no column name/,
      undefined,
      { columns: ['name'] },
    ],
    [
      'a condition that is none',
      'id int primary key',
      '',
      /`where` cannot be used: .*"nothing"/,
      undefined,
      { where: 'nothing > 1' },
    ],
    [
      'a view',
      'id int',
      'drop table $table; create view $table as select 1 as id',
      /not an ordinary table/,
      undefined,
      {},
    ],
    [
      'a table that a crash empties',
      'id int primary key',
      'alter table $table set unlogged',
      /not an ordinary table/,
      undefined,
      {},
    ],
    [
      'tables that inherit',
      'id int primary key',
      'create table child_of_$table () inherits ($table)',
      /Other tables inherit/,
      undefined,
      {},
    ],
  ])('explains %s', async (_, columns, sql, text, mend, options) => {
    const items = await OutboxTable.create(postgres, columns);
    if (sql) await items.run(sql);
    const found = problems(await prepareOutbox({ ...items.options, ...options }));
    expect(found.map(([explained]) => explained).join('\n')).toMatch(text);
    if (mend) expect(found.map(([, mending]) => mending).join('\n')).toMatch(mend);
    expect(await remains(items)).toEqual([]);
  });

  it('sees row security, for the reader and for the trigger', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run(`create role narrow_$table login; grant select on $table to narrow_$table;
      create role owner_$table; alter table $table owner to owner_$table;
      alter table $table enable row level security; alter table $table force row level security`);
    const connection = postgres.url.replace('postgres@', `narrow_${items.name}@`);
    expect(problems(await prepareOutbox({ ...items.options, connection }))).toEqual([
      [expect.stringMatching(/hides rows/), expect.stringMatching(/bypassrls/)],
      [expect.stringMatching(/from the owner of/), expect.stringMatching(/no force row level security/)],
    ]);
  });
});

describeOnPostgres('a role', () => {
  it('that owns the table and nothing else needs nobody', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run(`create role owner_$table login; create schema shop_$table authorization owner_$table;
      alter table $table set schema shop_$table; alter table shop_$table.$table owner to owner_$table`);
    const connection = postgres.url.replace('postgres@', `owner_${items.name}@`);
    const session = await items.open({ connection, table: `shop_${items.name}.${items.name}` });
    const { position } = await snapshotOf(session);
    const reader = read(session, position);
    await items.run(`insert into shop_$table.$table values ('a', '1')`);
    await until(() => reader.changes.length === 1);
    await session.acknowledge(reader.batches.at(-1)!.position);
    await until(async () => {
      const [row] = await items.run('select count(*)::int as rows from shop_$table.$outbox');
      return row?.['rows'] === 0;
    });
    await reader.stop();
    await items.close();
  });

  it('that may only read is told what to ask for, and that is enough', async () => {
    const items = await OutboxTable.create(postgres);
    await items.run('create role guest_$table login');
    const connection = postgres.url.replace('postgres@', `guest_${items.name}@`);
    const told: string[] = [];
    for (let round = 0; round < 4; round++) {
      const report = await prepareOutbox({ ...items.options, connection });
      for (const [, sql] of problems(report)) {
        told.push(sql?.split('\n')[0] ?? '');
        await items.run(sql ?? '');
      }
    }
    const role = `"guest_${items.name}"`;
    const outbox = `"public"."prefetch_outbox_${items.name}"`;
    expect(told).toEqual([
      `grant select on "public"."${items.name}" to ${role}`,
      'begin;',
      `grant usage on schema "public" to ${role}; grant select, delete on ${outbox} to ${role}`,
      `grant select, update on ${outbox.replace('prefetch_', 'state_of_prefetch_')} to ${role}`,
    ]);
    const session = await items.open({ connection, create: false });
    const { position } = await snapshotOf(session);
    const reader = read(session, position);
    await items.run(`insert into $table values ('a', '1')`);
    await until(() => reader.changes.length === 1);
    await session.acknowledge(reader.batches.at(-1)!.position);
    await until(async () => (await items.waiting()) === 0);
    await reader.stop();
    await items.close();
  });
});

describeOnPostgres('an outbox source that cannot begin', () => {
  it('says why, with the SQL that mends it', async () => {
    const items = await OutboxTable.create(postgres);
    await expect(items.open({ create: false })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_PREFETCH_SOURCE',
        message: expect.stringMatching(/outbox .* is not there.*\n {2}begin;[^]*create trigger[^]*commit;$/),
      }) as Error,
    );
  });

  it('does not make the application wait for long', async () => {
    const items = await OutboxTable.create(postgres);
    const writer = await postgres.client();
    await writer.query(`begin; insert into ${items.name} values ('a', '1')`);
    const opening = items.open();
    await expect(opening).rejects.toThrow(/could not be made: .*lock timeout/);
    await writer.query('commit');
    await items.open();
    await items.close();
    await writer.end();
  });

  it.each([
    [
      'a table that is not there',
      (port: number) => `postgres://postgres:geheim%21@127.0.0.1:${port}/postgres`,
    ],
    [
      'a database that is not there',
      (port: number) => `postgres://postgres:geheim%21@127.0.0.1:${port}/none`,
    ],
    ['nobody there', () => 'postgres://postgres:geheim%21@127.0.0.1:1/postgres'],
    ['a text that is no connection string', () => 'postgres://postgres:geheim%21@127.0.0.1:port/x'],
  ])('tells no secrets: %s', async (_, connection) => {
    const source = new OutboxSource({ connection: connection(postgres.port), table: 'x' });
    const error: unknown = await source.open(new AbortController().signal).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PREFETCH_(SOURCE|OPTION)$/) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/geheim/);
  });
});
