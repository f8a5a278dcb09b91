import type pg from 'pg';
import { OutboxSource, outboxSql, prepareOutbox } from '../../src/sources/postgres/outbox/index.js';
import type { ContractRecord } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

/** Far more than an attempt takes, far less than the seconds for which one once held everybody up. */
const longestWaitMs = 2_000;

let postgres: TestPostgres;
let items: OutboxTable;
let importer: pg.Client;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  items = await OutboxTable.create(postgres);
  importer = await postgres.client();
});

afterEach(async () => {
  await importer.query('rollback');
  await items.close();
});
afterAll(() => postgres.stop());

/** Reads and writes all the time; `stop()` gives the longest it had to wait for each. */
function application() {
  const longest = { read: 0, write: 0 };
  let isOver = false;
  const repeat = async (kind: keyof typeof longest, sql: string) => {
    const client = await postgres.client();
    while (!isOver) {
      const begun = performance.now();
      await client.query(sql);
      longest[kind] = Math.max(longest[kind], performance.now() - begun);
    }
  };
  const working = Promise.all([
    repeat('read', `select count(*) from ${items.name}`),
    repeat('write', `update ${items.name} set version = '2' where id = 'b'`),
  ]);
  return {
    stop: async () => {
      isOver = true;
      await working;
      return longest;
    },
  };
}

/** How many of those that ask for a lock on the table wait for one that lets nobody read. */
async function excluding(): Promise<number> {
  const sql = `select from pg_locks where relation = '$table'::regclass and mode = 'AccessExclusiveLock'`;
  return (await items.run(sql)).length;
}

describeOnPostgres('making an outbox while a long transaction writes', () => {
  it.each<[string, object, string]>([
    ['that is not there', { create: false }, ''],
    [
      'whose triggers were disabled for a while',
      {},
      'alter table $table disable trigger user; alter table $table enable trigger user',
    ],
    ['whose function is for other options', { where: 'true' }, ''],
  ])('lets the application wait for a moment: one %s', async (_, before, sql) => {
    await prepareOutbox({ ...items.options, ...before });
    if (sql) await items.run(sql);
    await importer.query(`begin; insert into ${items.name} values ('a', '1')`);
    const work = application();
    const source = new OutboxSource<ContractRecord>(items.options);
    const opening = () => source.open(new AbortController().signal);
    let excluded = 0;
    for (let tries = 0; tries < 5; tries++) {
      let isOver = false;
      const failed = expect(opening()).rejects.toThrow(/lock timeout.*tried again/);
      void failed.finally(() => (isOver = true)).catch(() => undefined);
      await until(async () => {
        excluded += await excluding();
        return isOver;
      });
      await failed;
    }
    const { read, write } = await work.stop();
    expect(excluded).toBe(0);
    expect(read).toBeLessThan(longestWaitMs);
    expect(write).toBeLessThan(longestWaitMs);
    await importer.query('commit');
    await until(() =>
      opening().then(
        (session) => session.close().then(() => true),
        () => false,
      ),
    );
  });
});

describeOnPostgres('the SQL of an outbox', () => {
  it('touches nothing when it is run again', async () => {
    await prepareOutbox(items.options);
    const triggers = () => items.run(`select oid, xmin from pg_trigger where tgname like '$outbox%'`);
    const before = await triggers();
    await items.run(outboxSql({ table: items.name, key: 'id' }));
    expect(await triggers()).toEqual(before);
  });

  it.each([
    [
      'fires for some rows',
      'after insert or update or delete on $table for each row when (true) execute function',
    ],
    ['fires for some events', 'after insert on $table for each row execute function'],
  ])('makes a trigger anew that %s', async (_, events) => {
    await prepareOutbox(items.options);
    await items.run(`drop trigger $outbox_row on $table; create trigger $outbox_row ${events} $outbox();
      alter table $table enable always trigger $outbox_row`);
    expect((await prepareOutbox({ ...items.options, create: false })).isReady).toBe(false);
    expect((await prepareOutbox(items.options)).isReady).toBe(true);
    await items.run(`insert into $table values ('c', '1'); delete from $table where id = 'c'`);
    expect(await items.waiting()).toBe(2);
  });
});
