import { type PostgresReport, preparePostgres } from '../../src/sources/postgres/index.js';
import { snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ max_slot_wal_keep_size: '1GB', max_replication_slots: 6 });
});

afterAll(() => postgres.stop());

function problems({ findings }: PostgresReport): unknown[] {
  return findings.filter(({ level }) => level === 'problem').map(({ text, sql }) => [text, sql]);
}

describeOnPostgres('preparePostgres() on a key', () => {
  it.each<[string, string, string, RegExp, RegExp | undefined]>([
    [
      'is not unique',
      'code text not null',
      '',
      /Nothing makes/,
      /^create unique index concurrently .*"code"/,
    ],
    [
      'is unique in a part of the rows',
      'code text not null, live boolean',
      'create unique index on $table (code) where live',
      /Nothing makes/,
      /^create unique index/,
    ],
    [
      'is unique only with another column',
      'code text not null, shop int not null, unique (code, shop)',
      '',
      /Nothing makes/,
      /^create unique index/,
    ],
    ['is deferrable', 'code text not null unique deferrable', '', /deferrable/, undefined],
    ['may be null', 'code text unique', '', /may be null/, /alter column "code" set not null/],
  ])('refuses one that %s', async (_, columns, sql, text, mend) => {
    const items = await PostgresTable.create(postgres, `id int primary key, ${columns}`);
    await items.run(`alter table $table replica identity full; ${sql}`);
    const options = { ...items.options, key: 'code' };
    const found = problems(await preparePostgres(options)) as [string, string | undefined][];
    expect(found).toEqual([[expect.stringMatching(text), mend && expect.stringMatching(mend)]]);
    if (mend) {
      await items.run(found[0]?.[1] ?? '');
      expect((await preparePostgres(options)).isReady).toBe(true);
    }
  });

  it('refuses a primary key that is deferrable', async () => {
    const items = await PostgresTable.create(postgres, 'id int primary key deferrable');
    await items.run('alter table $table replica identity full');
    expect(problems(await preparePostgres(items.options))).toEqual([
      [expect.stringMatching(/deferrable/), undefined],
    ]);
  });

  it.each([
    ['a part of it is unique', 'id int primary key, shop int not null', ['id', 'shop'], true],
    ['a unique index has it', 'id int primary key, code text not null unique', 'code', true],
    ['the index has other columns beside', 'id int, note text, primary key (id) include (note)', 'id', false],
  ])('takes one when %s', async (_, columns, key, isWhole) => {
    const items = await PostgresTable.create(postgres, columns);
    if (isWhole) await items.run('alter table $table replica identity full');
    expect((await preparePostgres({ ...items.options, key })).isReady).toBe(true);
  });
});

describeOnPostgres('preparePostgres() on a partitioned table', () => {
  async function parted(partitions = ''): Promise<PostgresTable> {
    const items = await PostgresTable.create(postgres);
    await items.run(`drop table $table;
      create table $table (id int primary key, name text) partition by range (id); ${partitions}`);
    return items;
  }
  const two = `create table $table_1 partition of $table for values from (0) to (10);
    create table $table_2 partition of $table for values from (10) to (20);`;

  it('is ready before there are partitions', async () => {
    const items = await parted();
    expect((await preparePostgres(items.options)).isReady).toBe(true);
    const session = await items.open();
    expect((await snapshotOf(session)).records).toEqual([]);
    await items.close();
  });

  it('looks at each partition', async () => {
    const items = await parted(`${two} alter table $table_1 replica identity full;`);
    const { isReady, findings } = await preparePostgres({ ...items.options, where: `name <> ''` });
    expect(isReady).toBe(false);
    expect(findings.map(({ sql }) => sql)).toEqual([
      `alter table "public"."${items.name}_2" replica identity full`,
    ]);
    await items.run(findings[0]?.sql ?? '');
    expect((await preparePostgres({ ...items.options, where: `name <> ''` })).isReady).toBe(true);
    await items.run(
      `insert into $table values (1, 'a'), (11, 'a'); update $table set name = 'b'; delete from $table`,
    );
  });

  it('refuses a partition whose changes are not logged', async () => {
    const items = await parted(two.replace('table', 'unlogged table'));
    expect(problems(await preparePostgres(items.options))).toEqual([
      [`"public"."${items.name}_1" is not an ordinary table whose changes are logged.`, undefined],
    ]);
  });

  it('refuses a table that others inherit from, whose changes would come under other names', async () => {
    const items = await PostgresTable.create(postgres);
    await items.run('create table heir_of_$table () inherits ($table)');
    expect(problems(await preparePostgres(items.options))).toEqual([
      [expect.stringMatching(/Other tables inherit from/), undefined],
    ]);
  });

  it('sees long values in partitions', async () => {
    const items = await parted(`${two} alter table $table_1 replica identity full;
      insert into $table select 11, string_agg(md5(random()::text), '') from generate_series(1, 200);`);
    const { findings } = await preparePostgres({ ...items.options, map: () => ({ version: '' }) });
    expect(findings).toContainEqual({
      level: 'warning',
      text: expect.stringMatching(/long values/),
      sql: `alter table "public"."${items.name}_2" replica identity full`,
    });
  });

  it.each([
    ['names it', 'create publication prefetch_$table for table $table'],
    ['is of all tables', 'create publication prefetch_$table for all tables'],
  ])('mends a publication that tells of partitions and %s', async (_, sql) => {
    const items = await parted(`${two} ${sql};`);
    const found = problems(await preparePostgres(items.options)) as [string, string][];
    expect(found).toEqual([
      [expect.stringMatching(/tells of partitions/), expect.stringMatching(/^alter publication/)],
    ]);
    await items.run(found[0]?.[1] ?? '');
    expect(await preparePostgres(items.options)).toEqual({ isReady: true, findings: [] });
    await items.run('drop publication prefetch_$table');
  });
});

describeOnPostgres('preparePostgres() on a table with computed columns', () => {
  const computed = 'id int primary key, name text, double int generated always as (id * 2) stored';

  it('publishes them where the identity has them', async () => {
    const items = await PostgresTable.create(postgres, computed);
    await items.run('alter table $table replica identity full');
    expect((await preparePostgres(items.options)).isReady).toBe(true);
    await items.run(`insert into $table values (1, 'a'); update $table set name = 'b'; delete from $table`);
  });

  it('explains a publication without them, which keeps the application from writing', async () => {
    const items = await PostgresTable.create(postgres, computed);
    await items.run(
      'alter table $table replica identity full; create publication prefetch_$table for table $table',
    );
    for (const [, sql] of problems(await preparePostgres(items.options)) as [string, string][]) {
      await items.run(sql);
    }
    expect(await preparePostgres(items.options)).toEqual({ isReady: true, findings: [] });
    await items.run(`insert into $table values (1, 'a'); update $table set name = 'b'; delete from $table`);
  });
});

describeOnPostgres('preparePostgres() on replication slots', () => {
  it('lets a worker follow with its slot when all are taken, and warns of the next load', async () => {
    const items = await PostgresTable.create(postgres);
    const session = await items.open();
    const { position } = await snapshotOf(session);
    await items.close();
    const free = `select pg_create_physical_replication_slot('taken_' || n)
      from pg_replication_slots r right join generate_series(1, 6) n on false
      limit 6 - (select count(*) from pg_replication_slots)`;
    await items.run(free);
    try {
      const { isReady, findings } = await preparePostgres(items.options);
      expect(isReady).toBe(true);
      expect(findings).toEqual([
        {
          level: 'warning',
          text: expect.stringMatching(/max_replication_slots is 6, and 6 are there: the next load needs one/),
          sql: 'alter system set max_replication_slots = 16',
        },
      ]);
      const again = await items.open();
      expect(await again.resume(position)).toEqual({ from: position });
      await items.close();
    } finally {
      await items.run(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active`,
      );
    }
  });

  it('asks for slots that standbys get', async () => {
    const items = await PostgresTable.create(postgres);
    const options = { ...items.options, failover: true };
    const [first] = problems(await preparePostgres({ ...options, create: false })) as [string, string][];
    const sql = `select pg_create_logical_replication_slot('${items.slot}', 'pgoutput', failover => true)`;
    expect(first).toEqual([expect.stringMatching(/no replication slot/), sql]);
    await items.run(`select pg_create_logical_replication_slot('${items.slot}', 'pgoutput')`);
    const { isReady, findings } = await preparePostgres(options);
    expect(isReady).toBe(true);
    expect(findings).toContainEqual({
      level: 'warning',
      text: expect.stringMatching(/without `failover`/),
      sql: `select pg_drop_replication_slot('${items.slot}')`,
    });
    await items.run(`select pg_drop_replication_slot('${items.slot}')`);
    await items.run(sql);
    expect(await preparePostgres(options)).toEqual({ isReady: true, findings: [] });
  });
});
