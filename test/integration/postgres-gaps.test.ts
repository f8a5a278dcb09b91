import type { SourceSession, SourceWarning } from '../../src/index.js';
import {
  type PostgresSourceOptions,
  type PostgresWarning,
  PostgresSource,
} from '../../src/sources/postgres/index.js';
import {
  type ContractRecord,
  Model,
  read,
  readUntilCaughtUp,
  snapshotOf,
} from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let items: PostgresTable;
let session: SourceSession<ContractRecord>;
let position: string;
let options: Partial<PostgresSourceOptions<ContractRecord>> = {};

beforeAll(async () => {
  postgres = await startTestPostgres({
    max_slot_wal_keep_size: '32MB',
    min_wal_size: '32MB',
    max_wal_size: '64MB',
    max_replication_slots: 40,
  });
});

beforeEach(async () => {
  items = await PostgresTable.create(postgres, undefined, options);
  await items.run(`insert into $table values ('a', '1'), ('b', '1')`);
  session = await items.open();
  ({ position } = await snapshotOf(session));
});

afterEach(async () => {
  await items.close();
  options = {};
});
afterAll(() => postgres.stop());

/** So much log that the server has to forget what it kept for a slot. */
async function fillLog(megabytes: number): Promise<void> {
  await postgres.run('create table if not exists filler (bytes text)');
  for (let n = 0; n < megabytes; n += 8) {
    await postgres.run(`insert into filler select repeat(md5(random()::text), 250)
      from generate_series(1, 1000); select pg_switch_wal(); truncate filler; checkpoint`);
  }
}

/** Rejects with what ends it. */
async function follows(from: string): Promise<Error> {
  const changes = session.changes(from, { signal: new AbortController().signal, maxBatch: 10 });
  const iterator = changes[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
  throw new Error('It ended');
}

describeOnPostgres('a table that is not what it was', () => {
  it.each([
    ['a column was added', `alter table $table add column more text default 'x'`],
    [
      'a column was dropped and added again',
      `alter table $table drop column version, add column version text default 'x'`,
    ],
    ['a column was dropped', 'alter table $table drop column version'],
    ['a column has another type', 'alter table $table alter column version type varchar(9)'],
    ['a column was renamed', 'alter table $table rename column version to release'],
    ['the table was made anew', 'drop table $table; create table $table (id text primary key, version text)'],
    [
      'the publication was made anew',
      'drop publication prefetch_$table; create publication prefetch_$table for table $table',
    ],
  ])('is noticed while it is followed, and has to be loaded again: %s', async (_, sql) => {
    const following = follows(position);
    following.catch(() => undefined);
    await until(async () => (await items.slotState())?.['active']);
    await items.run(sql);
    await expect(following).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_PREFETCH_SOURCE',
        message: expect.stringMatching(/table|publication/),
      }) as Error,
    );
    await session.close();
    session = await items.open();
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
    const { position: anew } = await snapshotOf(session);
    await items.run(`insert into $table values ('late')`);
    const batches = await readUntilCaughtUp(session, anew);
    expect(batches.flatMap(({ changes }) => changes)).toMatchObject([{ op: 'upsert', id: 'late' }]);
  });

  it('is noticed with the next change, however rarely the catalogue is looked at', async () => {
    const rare = await items.open({ heartbeatMs: 60_000 });
    const seen: unknown[] = [];
    const following = (async () => {
      for await (const { changes } of rare.changes(position, {
        signal: new AbortController().signal,
        maxBatch: 10,
      }))
        seen.push(...changes);
    })();
    following.catch(() => undefined);
    await items.run(`update $table set version = '2' where id = 'a'`);
    await until(() => seen.length === 1);
    await items.run(
      `alter table $table add column more text; update $table set version = '3' where id = 'a'`,
    );
    await expect(following).rejects.toThrow(/columns of the table changed/);
    expect(seen).toHaveLength(1);
  });

  it('is noticed by who was away', async () => {
    await session.close();
    await items.run(`alter table $table add column more text default 'x'`);
    session = await items.open();
    expect(await session.resume(position)).toMatchObject({ reload: 'source-changed' });
  });

  it('is another one when other columns are asked for', async () => {
    const narrow = await items.open({ columns: ['id'] });
    expect(await narrow.resume(position)).toMatchObject({ reload: 'source-changed' });
  });
});

describeOnPostgres('a slot that is not where it should be', () => {
  it('is noticed when somebody dropped it, and is made anew by a load', async () => {
    await session.close();
    await items.run(`select pg_drop_replication_slot('${items.slot}'); update $table set version = '2'`);
    session = await items.open();
    expect(await session.resume(position)).toEqual({
      reload: 'lost-changes',
      detail: expect.stringMatching(/slot .* is gone/),
    });
    await expect(follows(position)).rejects.toThrow(/slot .* is gone/);
    const snapshot = await snapshotOf(session);
    const model = new Model(snapshot.records);
    await items.run(`update $table set version = '3'`);
    await model.follow(session, snapshot.position);
    expect(model.versions).toEqual({ a: '3', b: '3' });
  });

  it('is noticed when it is ahead of the checkpoint', async () => {
    await session.close();
    await items.run(`update $table set version = '2'`);
    await items.run(`select pg_replication_slot_advance('${items.slot}', pg_current_wal_lsn())`);
    session = await items.open();
    expect(await session.resume(position)).toEqual({
      reload: 'lost-changes',
      detail: expect.stringMatching(/stands at .* after .* forgotten/),
    });
  });

  it('is noticed when the server gave it up, and is replaced by a load', async () => {
    await session.close();
    await fillLog(120);
    expect((await items.slotState())?.['wal_status']).toBe('lost');
    session = await items.open();
    expect(await session.resume(position)).toEqual({
      reload: 'lost-changes',
      detail: expect.stringMatching(/slot .* is lost/),
    });
    const { position: anew, records } = await snapshotOf(session);
    expect(records).toHaveLength(2);
    expect((await items.slotState())?.['wal_status']).toBe('reserved');
    expect(await session.resume(anew)).toEqual({ from: anew });
  });

  it('is noticed when the log of the server ends before the checkpoint', async () => {
    const [, rest] = position.split('@');
    expect(await session.resume(`FF/0@${rest ?? ''}`)).toMatchObject({
      reload: 'source-changed',
      detail: expect.stringMatching(/set back/),
    });
  });

  it('is noticed when another server took over without having what was read', async () => {
    const [lsn, rest = ''] = position.split('@');
    const [, layout] = rest.split('-');
    expect(await session.resume(`${lsn ?? ''}@7-${layout ?? ''}`)).toMatchObject({
      reload: 'source-changed',
    });
  });
});

describeOnPostgres('what the server keeps', () => {
  it('does not grow for an idle table on a busy server', async () => {
    const reader = read(session, position);
    await postgres.run('create table if not exists filler (bytes text)');
    const isAcknowledged = async () => {
      const reached = reader.batches.at(-1);
      if (reached) await session.acknowledge(reached.position);
      return Number((await items.slotState())?.['unconfirmed']) < 100_000;
    };
    for (let round = 0; round < 3; round++) {
      // Less than the server may keep, and without a checkpoint, which is when it gives slots up.
      await items.run(
        `insert into filler select repeat(md5(random()::text), 250) from generate_series(1, 500)`,
      );
      await until(isAcknowledged);
    }
    await reader.stop();
    expect(reader.changes).toEqual([]);
    expect(reader.batches.length).toBeGreaterThan(0);
  });

  it('grows while nothing is acknowledged, and that is told', async () => {
    const warnings: PostgresWarning[] = [];
    const warned = await items.open({
      retainedBytesLimit: 5_000_000,
      onWarning: (warning) => warnings.push(warning),
    });
    const reader = read(warned, position);
    await reader.isIdle();
    await fillLog(16);
    await until(() => warnings.length > 0);
    await reader.stop();
    expect(warnings[0]).toEqual({
      code: 'slot-grows',
      message: expect.stringMatching(/keeps \d+ bytes .* more than 5000000/),
    });
  });

  it('tells the worker of it, and how much is kept, and goes on when the function of the app throws', async () => {
    const told: SourceWarning[] = [];
    const onWarning = () => {
      throw new Error('the log is full');
    };
    const source = new PostgresSource({ ...items.options, retainedBytesLimit: 5_000_000, onWarning });
    const session = await source.open(new AbortController().signal, (warning) => told.push(warning));
    const reader = read(session, position);
    await reader.isIdle();
    await fillLog(16);
    await until(() => told.length > 0);
    const { retainedBytes } = await session.lag(position);
    await items.run(`update $table set version = '2' where id = 'a'`);
    await reader.isIdle();
    expect(reader.changes).toMatchObject([{ id: 'a' }]);
    await reader.stop();
    await session.close();
    expect(told[0]).toMatchObject({ code: 'slot-grows' });
    expect(retainedBytes).toBeGreaterThan(5_000_000);
  });

  it('acknowledges only after the time in which Redis may still forget', async () => {
    const careful = await items.open({ acknowledgeAfterMs: 60_000 });
    await careful.resume(position);
    const reader = read(careful, position);
    await items.run(`update $table set version = '2'`);
    await reader.isIdle();
    await careful.acknowledge(reader.batches.at(-1)?.position ?? '');
    await reader.stop();
    expect(await careful.resume(position)).toEqual({ from: position });
  });
});

describeOnPostgres('a temporary slot', () => {
  beforeAll(() => {
    options = { temporary: true };
  });

  it('follows a load, and leaves nothing on the server', async () => {
    await items.run(`update $table set version = '2'`);
    const model = new Model([]);
    await model.follow(session, position);
    expect(model.versions).toEqual({ a: '2', b: '2' });
    await session.close();
    await until(
      async () =>
        (await items.run(`select from pg_replication_slots where slot_name like '${items.slot}%'`)).length ===
        0,
    );
    session = await items.open({ temporary: true });
    expect(await session.resume(position)).toMatchObject({ reload: 'lost-changes' });
  });
});
