import { inspect } from 'node:util';
import { findProblems } from '../../src/sources/postgres/replication/findings.js';
import { resolveOptions } from '../../src/sources/postgres/replication/options.js';
import { readFacts } from '../../src/sources/postgres/replication/server-facts.js';
import type { PgClient } from '../../src/sources/postgres/server/pg-client.js';
import { type PostgresReport, PostgresSource, preparePostgres } from '../../src/sources/postgres/index.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ max_slot_wal_keep_size: '1GB' });
});

afterAll(() => postgres.stop());

function problems({ findings }: PostgresReport): unknown[] {
  return findings.filter(({ level }) => level === 'problem').map(({ text, sql }) => [text, sql]);
}

describeOnPostgres('preparePostgres()', () => {
  it('creates the publication, once, and says that all is ready', async () => {
    const items = await PostgresTable.create(postgres);
    const sql = `create publication "prefetch_${items.name}" for table "public"."${items.name}"`;
    expect(await preparePostgres(items.options)).toEqual({
      isReady: true,
      findings: [{ level: 'done', text: expect.any(String), sql }],
    });
    expect(await preparePostgres(items.options)).toEqual({ isReady: true, findings: [] });
  });

  it('creates nothing when it must not, and says what to run', async () => {
    const items = await PostgresTable.create(postgres);
    const report = await preparePostgres({ ...items.options, create: false });
    expect(report.isReady).toBe(false);
    expect(problems(report)).toEqual([
      [
        expect.stringMatching(/no replication slot/),
        `select pg_create_logical_replication_slot('${items.slot}', 'pgoutput')`,
      ],
      [
        expect.stringMatching(/publication .* is not there/),
        `create publication "prefetch_${items.name}" for table "public"."${items.name}"`,
      ],
    ]);
    for (const [, sql] of problems(report) as [string, string][]) await items.run(sql);
    expect((await preparePostgres({ ...items.options, create: false })).isReady).toBe(true);
  });

  it.each([
    ['the table has no replica identity', 'alter table $table replica identity nothing', {}],
    ['the condition asks for what is not in it', '', { where: `version = '1'` }],
  ])('publishes nothing that the application could no longer write: %s', async (_, sql, options) => {
    const items = await PostgresTable.create(postgres);
    await items.run(`insert into $table values ('a', '1')`);
    if (sql) await items.run(sql);
    expect((await preparePostgres({ ...items.options, ...options })).isReady).toBe(false);
    await items.run(`update $table set version = '2'; delete from $table`);
    expect(await items.run(`select from pg_publication where pubname = 'prefetch_$table'`)).toEqual([]);
  });

  it.each([
    [120_000, {}, /Postgres 13 or newer/],
    [140_000, { where: `id <> 'x'` }, /`where` needs Postgres 15/],
    [160_000, { failover: true }, /`failover` needs Postgres 17/],
  ])('knows what a server of version %i cannot do', async (version, options, why) => {
    const items = await PostgresTable.create(postgres);
    const resolved = resolveOptions({ ...items.options, ...options });
    const facts = await readFacts((await postgres.client()) as unknown as PgClient, resolved);
    const says = (of: number) =>
      findProblems({ ...facts, version: of }, resolved).some(({ text }) => why.test(text));
    expect([says(version), says(180_000)]).toEqual([true, false]);
  });

  it('adds the table to a publication that is there', async () => {
    const items = await PostgresTable.create(postgres);
    await items.run(
      'create table other_$table (id int); create publication shared_$table for table other_$table',
    );
    const report = await preparePostgres({ ...items.options, publication: `shared_${items.name}` });
    expect(report).toMatchObject({ isReady: true, findings: [{ level: 'done' }] });
  });

  it.each<[string, string, string, RegExp, RegExp | undefined]>([
    ['no table', 'id int', 'drop table $table', /no table "public"."items/, undefined],
    ['no key', 'id int', '', /no primary key/, undefined],
    [
      'no replica identity',
      'id int primary key',
      'alter table $table replica identity nothing',
      /every UPDATE and DELETE of your application would fail/,
      /replica identity full/,
    ],
    [
      'a view',
      'id int',
      'drop table $table; create view $table as select 1 as id',
      /not an ordinary table/,
      undefined,
    ],
    [
      'an unlogged table',
      'id int primary key',
      'drop table $table; create unlogged table $table (id int primary key)',
      /not an ordinary table/,
      undefined,
    ],
    [
      'a publication without deletes',
      'id int primary key',
      `create publication prefetch_$table for table $table with (publish = 'insert, update')`,
      /leaves out: delete, truncate/,
      /set \(publish = 'insert, update, delete, truncate'\)/,
    ],
    [
      'a publication of other columns',
      'id int primary key, version text',
      'create publication prefetch_$table for table $table (id)',
      /leaves out columns: version/,
      undefined,
    ],
    [
      'a slot of another kind',
      'id int primary key',
      `select pg_create_physical_replication_slot('prefetch_$table')`,
      /belongs to somebody else: physical/,
      undefined,
    ],
  ])('explains %s', async (_, columns, sql, text, mend) => {
    const items = await PostgresTable.create(postgres, columns);
    if (sql) await items.run(sql);
    const options = { ...items.options, ...(columns.includes('version') && { columns: ['version'] }) };
    const found = problems(await preparePostgres(options)) as [string, string | undefined][];
    const [, mending] = found.find(([explained]) => text.test(explained)) ?? [];
    expect(found.map(([explained]) => explained).join('\n')).toMatch(text);
    if (mend) expect(mending).toMatch(mend);
  });

  it('finds a key that a delete would not tell, and columns that are not there', async () => {
    const items = await PostgresTable.create(postgres, 'id int primary key, code text unique not null');
    const report = await preparePostgres({ ...items.options, key: 'code', columns: ['nothing'] });
    expect(problems(report)).toContainEqual([expect.stringMatching(/no column nothing/), undefined]);
    expect(problems(report)).toContainEqual([
      expect.stringMatching(/The key \(code\) is not in the replica identity/),
      `alter table "public"."${items.name}" replica identity full`,
    ]);
  });

  it('warns of long values that a map may miss', async () => {
    const items = await PostgresTable.create(postgres, 'id int primary key, body text');
    await items.run(`insert into $table
      select 1, string_agg(md5(random()::text), '') from generate_series(1, 200)`);
    const { findings, isReady } = await preparePostgres({
      ...items.options,
      map: ({ body }) => ({ version: body ?? '' }),
    });
    expect(isReady).toBe(true);
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'warning', sql: expect.stringMatching(/identity full/) }),
    );
  });

  it('explains what a role may not do, and what the server cannot do', async () => {
    const plain = await startTestPostgres({ wal_level: 'replica', max_replication_slots: 1 });
    try {
      const items = await PostgresTable.create(plain);
      await plain.run('create role guest login');
      const connection = plain.url.replace('postgres@', 'guest@');
      const found = problems(await preparePostgres({ ...items.options, connection })) as [string, string][];
      expect(found.map(([, sql]) => sql)).toEqual(
        expect.arrayContaining([
          'alter system set wal_level = logical',
          'alter system set max_replication_slots = 11',
          'alter role "guest" replication',
          `grant select on "public"."${items.name}" to "guest"`,
          expect.stringMatching(/^create publication/),
        ]),
      );
      const warned = await preparePostgres(items.options);
      expect(warned.findings).toContainEqual(
        expect.objectContaining({ level: 'warning', text: expect.stringMatching(/max_slot_wal_keep_size/) }),
      );
    } finally {
      await plain.stop();
    }
  });

  it('sees row security, which the stream does not know', async () => {
    const items = await PostgresTable.create(postgres, 'id int primary key');
    await items.run(`create role narrow login replication; grant select on $table to narrow;
      alter table $table enable row level security; create publication prefetch_$table for table $table`);
    const connection = postgres.url.replace('postgres@', 'narrow@');
    const found = problems(await preparePostgres({ ...items.options, connection }));
    expect(found).toEqual([[expect.stringMatching(/Row security/), 'alter role "narrow" bypassrls']]);
  });
});

describeOnPostgres('a source that cannot begin', () => {
  it('says why, with the SQL that mends it', async () => {
    const items = await PostgresTable.create(postgres);
    await items.run('alter table $table replica identity nothing');
    await expect(items.open()).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_PREFETCH_SOURCE',
        message: expect.stringMatching(/UPDATE and DELETE.*\n {2}alter table .* replica identity full;/),
      }) as Error,
    );
  });

  it('takes a password, and tells no wrong one', async () => {
    const items = await PostgresTable.create(postgres);
    await items.run(`create role guarded login superuser password 'geheim!'`);
    const open = (password: string | (() => Promise<string>)) =>
      items.open({
        connection: {
          host: '127.0.0.1',
          port: postgres.port,
          user: 'guarded',
          database: 'postgres',
          password,
        },
      });
    await open(() => Promise.resolve('geheim!'));
    await open('geheim!');
    const error: unknown = await open('verraten').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_PREFETCH_SOURCE', message: expect.stringMatching(/28P01/) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/verraten/);
    await items.close();
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
    const source = new PostgresSource({ connection: connection(postgres.port), table: 'x' });
    const error: unknown = await source.open(new AbortController().signal).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PREFETCH_(SOURCE|OPTION)$/) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/geheim/);
  });
});
