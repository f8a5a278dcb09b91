import pg from 'pg';
import { type PostgresReport, preparePostgres } from '../../src/sources/postgres/index.js';
import { snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ max_slot_wal_keep_size: '1GB' });
});

afterAll(() => postgres.stop());

const featured = 'id int primary key, name text, featured boolean not null default true';

function problems({ findings }: PostgresReport): string[] {
  return findings.filter(({ level }) => level === 'problem').map(({ text }) => text);
}

/** As a person would: in the order in which it was printed. */
async function runAll({ findings }: PostgresReport): Promise<void> {
  for (const { sql, level } of findings) if (sql && level === 'problem') await postgres.run(sql);
}

/** What an application does to its table all day. */
function write(items: PostgresTable): Promise<unknown> {
  return items.run(`insert into $table (id) values (1);
    update $table set name = 'new'; delete from $table`);
}

describeOnPostgres('the advice of preparePostgres()', () => {
  it.each([
    ['a condition that the replica identity lacks', '', { where: 'featured' }],
    [
      'chosen columns, where whole rows are the identity',
      'alter table $table replica identity full',
      { columns: ['name'] },
    ],
    ['both', 'alter table $table replica identity full', { columns: ['name'], where: 'featured and id > 0' }],
    ['no replica identity', 'alter table $table replica identity nothing', {}],
    [
      'a publication with a condition that the identity lacks',
      'create publication prefetch_$table for table $table where (featured)',
      { where: 'featured' },
    ],
    [
      'a publication without columns of the identity',
      'create publication prefetch_$table for table $table (name)',
      {},
    ],
    [
      'a publication of columns, where whole rows are the identity',
      `alter table $table replica identity full;
        create publication prefetch_$table for table $table (id, name, featured)`,
      {},
    ],
    [
      'a publication with another condition, and columns',
      'create publication prefetch_$table for table $table (id, name) where (id > 5)',
      { where: 'id > 7', columns: ['name'] },
    ],
  ])('leaves the application able to write, whoever creates: %s', async (_, sql, options) => {
    for (const create of [true, false]) {
      const items = await PostgresTable.create(postgres, featured);
      if (sql) await items.run(sql);
      const asked = { ...items.options, ...options, create };
      for (let look = 0; look < 4; look++) {
        const report = await preparePostgres(asked);
        if (report.isReady) break;
        await runAll(report);
      }
      expect(problems(await preparePostgres(asked))).toEqual([]);
      await write(items);
    }
  });

  it('is not to publish a table that is not fit for it', async () => {
    const items = await PostgresTable.create(postgres, featured);
    for (const create of [true, false]) {
      const { isReady, findings } = await preparePostgres({ ...items.options, where: 'featured', create });
      expect(isReady).toBe(false);
      expect(findings.map(({ sql }) => sql)).not.toContainEqual(expect.stringMatching(/publication/));
      expect(findings).toContainEqual({
        level: 'problem',
        text: expect.stringMatching(/condition reads featured, .* not in the replica identity/),
        sql: `alter table "public"."${items.name}" replica identity full`,
      });
    }
    await write(items);
  });

  it('is no SQL where whole rows would not do either', async () => {
    const items = await PostgresTable.create(postgres, featured);
    await items.run('create publication narrow_$table for table $table (id, name)');
    const { findings } = await preparePostgres({ ...items.options, where: 'featured' });
    expect(findings).toEqual([
      { level: 'problem', text: expect.stringMatching(/no publication may list columns/), sql: undefined },
    ]);
  });

  it('does not make the publication when the application could not write, whatever the reason', async () => {
    // Who may create no temporary table cannot have the condition explained before.
    await postgres.run('create role curt login replication');
    await postgres.run('create database curt owner curt');
    await postgres.run('revoke temporary on database curt from public, curt');
    const connection = postgres.url.replace(/postgres@(.*)postgres$/, 'curt@$1curt');
    const client = new pg.Client(connection);
    await client.connect();
    await client.query(`create schema curt create table item (${featured})`);
    const { findings } = await preparePostgres({ connection, table: 'curt.item', where: 'featured' });
    expect(findings).toEqual([
      { level: 'problem', text: expect.stringMatching(/could not be made ready.*replica identity/) },
    ]);
    await client.query('delete from curt.item');
    await client.end();
  });

  it('says which condition the server does not understand', async () => {
    const items = await PostgresTable.create(postgres, featured);
    const { findings } = await preparePostgres({ ...items.options, where: 'feature', create: false });
    const about = findings.filter(({ text }) => text.includes('where'));
    expect(about).toEqual([{ level: 'problem', text: expect.stringMatching(/column "feature" does not/) }]);
  });

  it('says how to come to a condition when the publication has none', async () => {
    const items = await PostgresTable.create(postgres, featured);
    await items.run('create publication prefetch_$table for table $table');
    const asked = { ...items.options, where: 'featured' };
    await runAll(await preparePostgres(asked));
    await runAll(await preparePostgres(asked));
    expect(await preparePostgres(asked)).toEqual({ isReady: true, findings: [] });
    await write(items);
  });

  it('says to take another publication when this one names no tables', async () => {
    const items = await PostgresTable.create(postgres, featured);
    await items.run('create publication prefetch_$table for all tables');
    const { findings } = await preparePostgres({ ...items.options, where: 'id > 5' });
    await items.run('drop publication prefetch_$table');
    expect(findings).toEqual([
      { level: 'problem', text: expect.stringMatching(/no row filter.*another name with `publication`/) },
    ]);
  });

  it('shows the condition that is in force when it is another one', async () => {
    const items = await PostgresTable.create(postgres, featured);
    await items.run('create publication prefetch_$table for table $table where (id > 5)');
    const inForce = (where?: string) => preparePostgres({ ...items.options, where });
    expect(await inForce('id>5')).toEqual({ isReady: true, findings: [] });
    expect((await inForce('id > 7')).findings).toEqual([
      {
        level: 'problem',
        text: expect.stringMatching(/\(id > 5\).*`where`/),
        sql: `begin; alter publication "prefetch_${items.name}" drop table "public"."${items.name}"; alter publication "prefetch_${items.name}" add table "public"."${items.name}" where (id > 7); commit`,
      },
    ]);
    expect((await inForce()).findings).toEqual([
      { level: 'warning', text: expect.stringMatching(/only .*\(id > 5\)/) },
    ]);
  });

  it('uses all of a table with whole rows as its identity, and hands on the chosen columns', async () => {
    const items = await PostgresTable.create(postgres, featured);
    await items.run(`alter table $table replica identity full; insert into $table values (1, 'first')`);
    const session = await items.open({ columns: ['name'] });
    expect((await snapshotOf(session)).records).toEqual([{ id: '1', name: 'first' }]);
    await items.close();
  });
});

describeOnPostgres('a role that may not publish', () => {
  it.each([
    ['own the table', '', /CREATE on the database/, /grant create on database "postgres" to "narrow_items/],
    ['create in the database', 'grant create on database postgres to $role', /own the table/, /./],
  ])('is told what is missing: all but to %s', async (what, grant, lacking, more) => {
    const items = await PostgresTable.create(postgres);
    const role = `narrow_${items.name}`;
    await items.run(`create role ${role} login replication; grant select on $table to ${role}`);
    if (what.startsWith('own')) await items.run(`alter table $table owner to ${role}`);
    if (grant) await items.run(grant.replace('$role', role));
    const connection = postgres.url.replace('postgres@', `${role}@`);
    const { findings } = await preparePostgres({ ...items.options, connection });
    expect(findings).toEqual([
      {
        level: 'problem',
        text: expect.stringMatching(lacking),
        sql: `create publication "prefetch_${items.name}" for table "public"."${items.name}"`,
      },
    ]);
    expect(findings[0]?.text).toMatch(more);
    expect(findings[0]?.text.includes('own the table')).toBe(!what.startsWith('own'));
  });

  it('does not hear of a publication that will be made when the rest is mended', async () => {
    const items = await PostgresTable.create(postgres);
    await items.run(`create role still_$table login; alter table $table owner to still_$table;
      grant create on database postgres to still_$table`);
    const connection = postgres.url.replace('postgres@', `still_${items.name}@`);
    const { findings } = await preparePostgres({ ...items.options, connection });
    expect(findings.map(({ sql }) => sql)).toEqual([`alter role "still_${items.name}" replication`]);
  });
});
