import { PostgresSource } from '../../src/sources/postgres/index.js';
import { type Item, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

describe.each(layouts)('a worker on Postgres (%s)', (layout) => {
  let redis: TestRedis;
  let postgres: TestPostgres;
  let world: SyncWorld;
  let items: PostgresTable;

  beforeAll(async () => {
    [redis, postgres] = await Promise.all([startTestRedis({ private: true }), startTestPostgres()]);
  });

  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
    items = await PostgresTable.create(postgres, 'id text primary key, name text, version text');
    await items.run(`insert into $table select 'id-' || n, 'name', '1' from generate_series(1, 2500) n`);
  });

  afterEach(() => world.close());
  afterAll(() => Promise.all([redis.stop(), postgres.stop()]));

  const source = () =>
    new PostgresSource<Item>({
      connection: postgres.url,
      table: items.name,
      heartbeatMs: 50,
      acknowledgeAfterMs: 0,
      onWarning: () => undefined,
    });
  const isCurrent = async () => {
    const rows = (await items.run('select * from $table')) as unknown as Item[];
    return JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versionsOf(rows));
  };

  it('loads the table and follows it, transaction by transaction', async () => {
    const worker = await world.started(source());
    expect(await isCurrent()).toBe(true);
    await items.run(`begin; update $table set version = '2' where id < 'id-2'; delete from $table where id = 'id-9';
      update $table set id = 'other' where id = 'id-8'; insert into $table values ('new', 'n', '1'); commit`);
    await until(isCurrent);
    await until(async () => (await worker.lag())?.bytes === 0);
    await until(async () => Number((await items.slotState())?.['unconfirmed']) === 0);
  });

  it('goes on where it stood, without a load', async () => {
    const first = await world.started(source());
    await first.stop();
    await items.run(`update $table set version = '2'; delete from $table where id = 'id-7'`);
    const second = await world.started(source());
    await until(isCurrent);
    expect(second.status().lastLoad).toBeNull();
  });

  it('loads again while it follows, and when a column was added', async () => {
    const worker = await world.started(source());
    const writing = items.run(`update $table set version = '3'`);
    await worker.reload();
    await writing;
    await until(isCurrent);
    await items.run(`alter table $table add column more text default 'x'; update $table set version = '4'`);
    await until(isCurrent, 20_000);
  });

  it('follows again after the server crashed', async () => {
    await world.started(source());
    await postgres.kill();
    await postgres.start();
    await items.run(`update $table set version = '5'`);
    await until(isCurrent, 20_000);
  });
});
