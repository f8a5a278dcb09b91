import { OutboxSource } from '../../src/sources/postgres/outbox/index.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type Item, layouts, versionsIn, versionsOf } from '../support/item.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

describeOnPostgres.each(layouts)('a worker on an outbox (%s)', (layout) => {
  let redis: TestRedis;
  let postgres: TestPostgres;
  let world: SyncWorld;
  let items: OutboxTable;

  beforeAll(async () => {
    [redis, postgres] = await Promise.all([startTestRedis({ private: true }), startTestPostgres()]);
  });

  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
    items = await OutboxTable.create(postgres, 'id text primary key, name text, version text');
    await items.run(`insert into $table select 'id-' || n, 'name', '1' from generate_series(1, 2500) n`);
  });

  afterEach(() => world.close());
  afterAll(() => Promise.all([redis.stop(), postgres.stop()]));

  const source = () =>
    new OutboxSource<Item>({
      connection: postgres.url,
      table: items.name,
      pollMs: 10,
      heartbeatMs: 50,
      acknowledgeAfterMs: 0,
      onWarning: () => undefined,
    });
  const isCurrent = async () => {
    const rows = (await items.run('select * from $table')) as unknown as Item[];
    return JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versionsOf(rows));
  };

  it('loads the table and follows it, and leaves nothing in the outbox', async () => {
    const worker = await world.started(source());
    expect(await isCurrent()).toBe(true);
    await items.run(`begin; update $table set version = '2' where id < 'id-2'; delete from $table where id = 'id-9';
      update $table set id = 'other' where id = 'id-8'; insert into $table values ('new', 'n', '1'); commit`);
    await until(isCurrent);
    await until(async () => (await worker.lag())?.events === 0);
    await until(async () => (await items.waiting()) === 0);
  });

  it('goes on where it stood, without a load, again and again', async () => {
    for (let round = 1; round < 4; round++) {
      const worker = await world.started(source());
      await until(isCurrent);
      expect(worker.status().lastLoad === null).toBe(round > 1);
      await worker.stop();
      await items.run(
        `update $table set version = '${round + 1}'; delete from $table where id = 'id-${round}'`,
      );
    }
  });

  it('loads again while others write, compares itself with the table, and notices a new column', async () => {
    const worker = await world.started(source());
    const writing = items.run(`update $table set version = '3'`);
    await worker.reload();
    await writing;
    await until(isCurrent);
    expect(await worker.reconcile()).toMatchObject({ missing: 0, different: 0, orphaned: 0 });
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

  it('waits while the triggers are disabled for an import, and loads again when they are enabled', async () => {
    const worker = await world.started(source());
    await items.run(`alter table $table disable trigger user; update $table set version = '7'`);
    await until(() => worker.status().error?.message.includes('_row is disabled'));
    const states = `select tgenabled as state from pg_trigger where tgname like '$outbox%'`;
    expect(await items.run(states)).toEqual([{ state: 'D' }, { state: 'D' }]);
    expect(await isCurrent()).toBe(false);
    await items.run('alter table $table enable trigger user');
    await until(isCurrent, 20_000);
    expect(await items.run(states)).toEqual([{ state: 'A' }, { state: 'A' }]);
  });

  it('loads again when Redis was emptied', async () => {
    await world.started(source());
    await items.run(`update $table set version = '6'`);
    await until(isCurrent);
    await world.client.flushAll();
    await until(isCurrent, 20_000);
  });
});
