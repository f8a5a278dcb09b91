import type { ReloadReport, SyncWorker } from '../../src/index.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { type ScriptedSnapshot, ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

/**
 * A worker that follows, a feed that stands at 10, and a reload that has asked for its snapshot. What comes first and
 * what later is up to each test.
 */
let redis: TestRedis;
let world: SyncWorld;
let source: ScriptedSource<Item>;
let worker: SyncWorker<Item>;
let reloading: Promise<ReloadReport>;
let snapshot: ScriptedSnapshot<Item>;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  source = new ScriptedSource<Item>();
  const starting = world.started(source, { maxShrink: 1 });
  (await source.snapshot()).answer('10').rows(item('a', 1), item('b', 1), item('gone', 1)).end();
  worker = await starting;
  reloading = worker.reload();
  snapshot = await source.snapshot(2);
});

afterEach(() => world.close());

function upsert(id: string, version: number) {
  return { op: 'upsert', id, record: item(id, version) } as const;
}

function remove(id: string) {
  return { op: 'delete', id } as const;
}

/** Waits until the changes up to this position have been dealt with. */
async function applied(position: number): Promise<void> {
  await until(() => source.acknowledged.includes(String(position)));
}

/** Waits until all rows given so far are in Redis. */
async function rowsIn(): Promise<void> {
  await until(() => snapshot.isHungry);
}

async function finish(): Promise<ReloadReport> {
  snapshot.end();
  return reloading;
}

describe('a change after the snapshot', () => {
  it('wins over the row that comes later', async () => {
    snapshot.answer('20');
    await rowsIn();
    source.send(25, upsert('a', 25));
    await applied(25);
    snapshot.rows(item('a', 20), item('b', 20));
    await rowsIn();
    expect(await world.version('a')).toBe('25');
    expect(await finish()).toMatchObject({ loaded: 1, removed: 1 });
    expect(await versionsIn(world.cache)).toEqual({ a: '25', b: '20' });
    expect(await world.checkpoint()).toBe('25');
  });

  it('wins over the row that came before', async () => {
    snapshot.answer('20').rows(item('a', 20), item('b', 20));
    await rowsIn();
    source.send(25, upsert('a', 25));
    await applied(25);
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ a: '25', b: '20' });
  });

  it('wins over the row when it was applied before the snapshot was there', async () => {
    source.send(25, upsert('a', 25), upsert('new', 25));
    await applied(25);
    snapshot.answer('20').rows(item('a', 20), item('b', 20));
    await rowsIn();
    expect(await world.version('a')).toBe('25');
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ a: '25', b: '20', new: '25' });
    expect(await world.checkpoint()).toBe('25');
  });

  it('that deletes is not undone by the row that comes later', async () => {
    snapshot.answer('20');
    await rowsIn();
    source.send(25, remove('a'));
    await applied(25);
    snapshot.rows(item('a', 20), item('b', 20));
    await rowsIn();
    expect(await world.version('a')).toBeUndefined();
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ b: '20' });
  });

  it('that deletes is not undone when it was applied before the snapshot was there', async () => {
    source.send(25, remove('a'));
    await applied(25);
    snapshot.answer('20').rows(item('a', 20), item('b', 20));
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ b: '20' });
  });

  it('that adds what the snapshot does not have is not removed', async () => {
    snapshot.answer('20').rows(item('a', 20));
    await rowsIn();
    source.send(25, upsert('new', 25));
    await applied(25);
    expect(await finish()).toMatchObject({ removed: 2 });
    expect(await versionsIn(world.cache)).toEqual({ a: '20', new: '25' });
  });

  it('that truncates leaves nothing for later rows to bring back', async () => {
    snapshot.answer('20').rows(item('a', 20));
    await rowsIn();
    source.send(25, { op: 'truncate' });
    source.send(26, upsert('new', 26));
    await applied(26);
    snapshot.rows(item('b', 20), item('c', 20));
    await rowsIn();
    expect(await versionsIn(world.cache)).toEqual({ new: '26' });
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ new: '26' });
  });

  it('that truncated before the snapshot was there leaves nothing to bring back', async () => {
    source.send(25, upsert('x', 24), { op: 'truncate' }, upsert('new', 25));
    await applied(25);
    snapshot.answer('20').rows(item('a', 20), item('x', 20));
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ new: '25' });
  });
});

describe('a change up to the snapshot', () => {
  it('gives way to the row that comes later', async () => {
    source.send(15, upsert('a', 15), upsert('b', 15));
    await applied(15);
    snapshot.answer('20').rows(item('a', 20), item('b', 15));
    expect(await finish()).toMatchObject({ loaded: 2, removed: 1 });
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '15' });
    expect(await world.checkpoint()).toBe('20');
  });

  it('is skipped when the row was there before', async () => {
    snapshot.answer('20').rows(item('a', 20));
    await rowsIn();
    source.send(15, upsert('a', 15), upsert('b', 15), remove('a'));
    await applied(15);
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '15', gone: '1' });
    source.send(20, remove('a'));
    await applied(20);
    expect(await world.version('a')).toBe('20');
    snapshot.rows(item('b', 20));
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '20' });
  });

  it('does not bring back what was removed, nor take away what is there', async () => {
    snapshot.answer('20').rows(item('a', 20), item('b', 20));
    expect(await finish()).toMatchObject({ removed: 1 });
    source.send(12, upsert('gone', 12), remove('a'));
    source.send(14, upsert('b', 14), { op: 'truncate' });
    source.send(20, upsert('gone', 20), remove('b'));
    await applied(20);
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '20' });
    source.send(21, upsert('gone', 21), remove('a'));
    await applied(21);
    expect(await versionsIn(world.cache)).toEqual({ b: '20', gone: '21' });
  });

  it('does not take the checkpoint back behind the snapshot', async () => {
    snapshot.answer('20').rows(item('a', 20));
    await finish();
    expect(worker.status().position).toBe('20');
    for (const position of [11, 15, 19, 20]) {
      source.send(position, upsert('gone', position));
      await applied(position);
      expect(await world.checkpoint()).toBe('20');
      expect(worker.status().position).toBe('20');
    }
    await worker.stop();
    await world.started(source);
    expect(source.resumedAt.at(-1)).toBe('20');
  });

  it('that truncates does not remove rows that are in', async () => {
    snapshot.answer('20').rows(item('a', 20));
    await rowsIn();
    source.send(15, { op: 'truncate' }, upsert('b', 15));
    await applied(15);
    expect(await world.version('a')).toBe('20');
    snapshot.rows(item('b', 20));
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '20' });
  });

  it('that truncated before any row was in leaves the rows of the snapshot', async () => {
    snapshot.answer('20');
    await rowsIn();
    source.send(15, { op: 'truncate' }, upsert('b', 15), upsert('c', 15));
    await applied(15);
    snapshot.rows(item('a', 20), item('b', 20));
    await finish();
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '20' });
  });

  it.each([1, 400, 1200])(
    'that is written while the last of %i rows is does not survive its removal',
    async (count) => {
      const others = items(count, 20);
      snapshot.answer('20');
      await rowsIn();
      snapshot.rows(...others);
      source.send(15, upsert('ghost', 15), ...items(450, 15).map(({ id }) => upsert(`late-${id}`, 15)));
      await finish();
      await applied(15);
      source.send(18, remove('ghost'));
      await applied(18);
      expect(await versionsIn(world.cache)).toEqual(versionsOf(others));
    },
  );
});

describe('two reloads in a row', () => {
  it('both guard their rows until the feed has caught up', async () => {
    snapshot.answer('20').rows(item('a', 20), item('b', 20));
    await finish();
    reloading = worker.reload();
    snapshot = (await source.snapshot(3)).answer('30').rows(item('a', 30));
    await rowsIn();
    source.send(15, upsert('b', 15), upsert('a', 15), upsert('gone', 15));
    await applied(15);
    expect(await versionsIn(world.cache)).toEqual({ a: '30', b: '20' });
    source.send(25, upsert('b', 25), upsert('a', 25), upsert('gone', 25));
    await applied(25);
    expect(await versionsIn(world.cache)).toEqual({ a: '30', b: '25', gone: '25' });
    await finish();
    source.send(30, upsert('gone', 30));
    source.send(31, upsert('new', 31));
    await applied(31);
    expect(await versionsIn(world.cache)).toEqual({ a: '30', new: '31' });
    expect(await world.checkpoint()).toBe('31');
  });
});
