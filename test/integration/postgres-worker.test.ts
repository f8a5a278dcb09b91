import {
  type PostgresRow,
  type PostgresSourceOptions,
  PostgresSource,
} from '../../src/sources/postgres/index.js';
import { type Item, layouts, versionsIn, versionsOf } from '../support/item.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

describeOnPostgres.each(layouts)('a worker on Postgres (%s)', (layout) => {
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

  const source = (options: Partial<PostgresSourceOptions<Item>> = {}) =>
    new PostgresSource<Item>({
      connection: postgres.url,
      table: items.name,
      heartbeatMs: 50,
      acknowledgeAfterMs: 0,
      onWarning: () => undefined,
      ...options,
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

  it('goes on inside a large transaction, and counts none of its changes twice', async () => {
    const first = await world.started(source(), { maxBatch: 10 });
    await items.run(`update $table set version = '2'`);
    const received = async () => Number(await world.client.hGet(world.cache.dataset.keys.counts, 'received'));
    await until(async () => (await received()) > 100);
    await first.stop();
    const before = await received();
    expect(before).toBeLessThan(2_500);
    const second = await world.started(source(), { maxBatch: 10 });
    expect(second.status().lastLoad).toBeNull();
    await until(isCurrent);
    expect(await received()).toBe(2_500);
  });

  it('leaves out a row of which `map` cannot make a record, and says so', async () => {
    const map = ({ id, name, version }: PostgresRow): Omit<Item, 'id'> => {
      if (version === 'bad') throw new Error(`What is ${id}?`);
      return { name: name ?? '', version: version ?? '' };
    };
    const worker = await world.started(source({ map }));
    await items.run(`update $table set version = 'bad' where id = 'id-5'`);
    await until(() => worker.status().deadLetters === 1);
    const { loaded, refused, refusals, removed } = await worker.reload();
    expect({ loaded, refused, removed }).toEqual({ loaded: 2_499, refused: 1, removed: 0 });
    expect(refusals).toEqual([
      {
        subject: { id: 'id-5', name: 'name', version: 'bad' },
        reason: expect.stringContaining('What is id-5?'),
      },
    ]);
    expect(await world.cache.get('id-5')).toMatchObject({ outcome: 'hit', record: { version: '1' } });
    const { compared, orphaned, missing, refused: unread } = await worker.reconcile();
    expect({ compared, orphaned, missing, unread }).toEqual({
      compared: 2_499,
      orphaned: 0,
      missing: 0,
      unread: 1,
    });
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
