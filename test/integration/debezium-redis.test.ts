import {
  type DebeziumRedisSourceOptions,
  type SnapshotResult,
  DebeziumRedisSource,
} from '../../src/sources/debezium/index.js';
import { message, unavailable } from '../support/debezium-messages.js';
import { DebeziumTable } from '../support/debezium-table.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { Following } from '../support/stream-following.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

type Row = Item & Record<string, unknown>;

let redis: TestRedis;
let client: TestClient;
let table: DebeziumTable<Row>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  client = await redis.client();
});

beforeEach(() => {
  table = new DebeziumTable<Row>(client, `${uniquePrefix('shop')}.public.item`);
});

afterAll(() => redis.stop());

function source(options: Partial<DebeziumRedisSourceOptions<Item>> = {}): DebeziumRedisSource<Item> {
  const snapshot = (): SnapshotResult<Item> => table.rows;
  return new DebeziumRedisSource<Item>({ client, stream: table.stream, snapshot, blockMs: 50, ...options });
}

describe.each(layouts)('a worker that follows Debezium (%s)', (layout) => {
  let world: SyncWorld;

  beforeEach(async () => {
    world = await SyncWorld.open(redis, { layout });
    for (const row of items(5)) table.change(row);
  });

  afterEach(() => world.close());

  const isCurrent = async () =>
    JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versionsOf(table.rows));
  const start = (options?: Partial<DebeziumRedisSourceOptions<Item>>) =>
    world.started(source(options), { maxShrink: 1 });

  it('applies what it writes, each batch with its checkpoint', async () => {
    const worker = await start();
    await until(isCurrent);
    await table.write(item('item-00001', 2));
    await table.write(item('new'));
    await table.remove('item-00002');
    await until(isCurrent);
    await until(async () => (await world.checkpoint()) === (await table.entries()).at(-1));
    expect(await worker.lag()).toEqual({ events: 0, ms: 0 });
    await table.truncate();
    await table.write(item('after'));
    await until(isCurrent);
  });

  it('goes on at its checkpoint, and does not fall for what is delivered again', async () => {
    await (await start()).stop();
    const told = [
      ...(await table.write(item('item-00001', 2))),
      ...(await table.write(item('item-00001', 3))),
      ...(await table.remove('item-00002')),
    ];
    const worker = await start();
    await until(isCurrent);
    await worker.stop();
    await table.send(...told.slice(0, 1)); // Debezium crashed, and begins again where it last noted its offset
    await start();
    await until(async () => (await world.checkpoint()) === (await table.entries()).at(-1));
    expect(await isCurrent()).toBe(true);
    expect(world.told('loaded')).toHaveLength(1);
  });

  it('merges a change without the values that were not logged', async () => {
    await start();
    const after = { id: 'item-00001', name: unavailable, version: '2' };
    await table.send(message({ id: 'item-00001' }, { op: 'u', after, lsn: 9_000 }));
    await until(async () => (await versionsIn(world.cache))['item-00001'] === '2');
    expect(await world.cache.get('item-00001')).toMatchObject({ record: item('item-00001', 2) });
  });

  it('makes a dead letter of what makes no sense, with the reason, and goes on', async () => {
    await start();
    await table.send({ key: '{"id":"item-00001"}', value: 'Obj\u0001' });
    await table.write(item('item-00003', 2));
    await until(isCurrent);
    expect(world.told('dead-letter')).toMatchObject([{ reason: expect.stringMatching(/value is not JSON/) }]);
  });

  it('loads again when Debezium begins a snapshot: it does not tell what was deleted meanwhile', async () => {
    await start();
    await table.write(item('item-00003', 2));
    table.change('item-00002');
    table.change(item('item-00004', 7));
    await table.takeSnapshot();
    await table.write(item('after'));
    await until(isCurrent);
    await until(() => world.told('loaded').length === 2);
    await until(async () => (await world.checkpoint()) === (await table.entries()).at(-1));
    expect(await isCurrent()).toBe(true);
    expect(world.told('worker-error')).toMatchObject([
      { error: { code: 'ERR_PREFETCH_SOURCE', message: expect.stringMatching(/begins a snapshot/) } },
    ]);
  });

  it('may be there before Debezium', async () => {
    await start();
    await table.takeSnapshot();
    await table.write(item('item-00003', 2));
    await until(isCurrent);
    await until(() => world.states().at(-1) === 'following');
  });

  it('needs no function for the snapshot when the stream holds one', async () => {
    await table.takeSnapshot();
    await table.write(item('item-00001', 2));
    await table.remove('item-00002');
    const worker = await start({ snapshot: undefined });
    expect(await versionsIn(world.cache)).toEqual(versionsOf(table.rows));
    await table.write(item('item-00001', 3));
    await until(isCurrent);
    await worker.reload();
    expect(await isCurrent()).toBe(true);
    table.change('item-00003');
    await table.takeSnapshot();
    await until(isCurrent);
  });
});

describe('the records of a stream', () => {
  const aborted = new AbortController();

  afterAll(() => {
    aborted.abort();
  });

  const load = async () => {
    const session = await source({ snapshot: undefined }).open(aborted.signal);
    const { records, position } = await session.snapshot(aborted.signal);
    const all: Item[] = [];
    for await (const page of records) all.push(...page);
    await session.close();
    return { versions: versionsOf(all), position };
  };

  it('are waited for until the snapshot is complete', async () => {
    const loading = load();
    for (const row of items(3)) table.change(row);
    const rows = table.rows.map((row) => message({ id: row.id }, { op: 'r', after: row, snapshot: 'true' }));
    await table.send(...rows.slice(0, 2));
    let isLoaded = false;
    void loading.then(() => (isLoaded = true));
    await until(async () => (await table.entries()).length === 2);
    expect(isLoaded).toBe(false);
    const last = message({ id: 'last' }, { op: 'r', after: item('last'), snapshot: 'last' });
    const [position] = await table.send(last);
    expect(await loading).toEqual({
      versions: { 'item-00000': '1', 'item-00001': '1', last: '1' },
      position,
    });
  });

  it('are those of the latest snapshot', async () => {
    for (const row of items(3)) table.change(row);
    await table.takeSnapshot();
    table.change('item-00000');
    await table.takeSnapshot();
    expect((await load()).versions).toEqual({ 'item-00001': '1', 'item-00002': '1' });
  });

  it('cannot be had when it does not reach back to one', async () => {
    await table.write(item('a'));
    await expect(load()).rejects.toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringMatching(/does not reach back .* Give the option `snapshot`/),
    });
  });

  it('cannot be had when one of them makes no sense', async () => {
    for (const row of items(3)) table.change(row);
    await table.takeSnapshot();
    await table.send({ key: '{}', value: '{}' });
    await expect(load()).rejects.toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringMatching(/because of the entry .* key has no columns/),
    });
  });
});

describe('the window of a session', () => {
  const stop = new AbortController();

  afterAll(() => {
    stop.abort();
  });

  it('keeps as many entries behind what is acknowledged, and knows them after a restart', async () => {
    const following = source({ orderWindow: 10 });
    const first = await following.open(stop.signal);
    const { position } = await first.snapshot(stop.signal);
    for (let version = 1; version <= 30; version++) await table.write(item('a', version));
    const reading = new Following(first, position);
    await reading.hasSeen(30);
    const reached = reading.position!;
    await first.acknowledge(reached);
    await until(async () => (await table.entries()).length === 11);
    await first.close();

    const late = message({ id: 'a' }, { op: 'u', after: item('a', 29), lsn: 1_290 });
    const second = await following.open(stop.signal);
    expect(await second.resume(reached)).toEqual({ from: reached });
    await table.send(late);
    await table.write(item('a', 31));
    const again = new Following(second, reached);
    await again.hasSeen(1);
    expect(again.changes).toMatchObject([{ op: 'upsert', record: { version: '31' } }]);
    await second.acknowledge(again.position!);
    await until(async () => (await table.entries()).length === 11);
    await second.close();
  });

  it('does not hide that changes were lost', async () => {
    const session = await source().open(stop.signal);
    const [position] = await table.send(message({ id: 'a' }, { op: 'c', after: item('a') }));
    await table.write(item('a', 2));
    await client.xTrim(table.stream, 'MAXLEN', 1);
    expect(await session.resume(position!)).toMatchObject({ reload: 'lost-changes' });
    const reading = new Following(session, position!);
    expect(await reading.failure()).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    await session.close();
  });
});

describe('the format of the entries', () => {
  const stop = new AbortController();

  afterAll(() => {
    stop.abort();
  });

  const changesOf = async (options: Partial<DebeziumRedisSourceOptions<Item>>, entries: string[][]) => {
    const session = await source(options).open(stop.signal);
    const { position } = await session.snapshot(stop.signal);
    for (const fields of entries) await client.sendCommand(['XADD', table.stream, '*', ...fields]);
    const reading = new Following(session, position);
    await until(() => reading.position !== undefined && reading.changes.length >= entries.length);
    await session.close();
    return reading.changes;
  };
  const { key, value } = message({ id: 'a' }, { op: 'c', after: item('a') });
  const compact = [key!, value!];
  const extended = ['key', key!, 'value', value!];
  const upsert = { op: 'upsert', id: 'a', record: item('a') };
  const unknown = { op: 'invalid', reason: expect.stringMatching(/makes no sense/) };

  it('is found out for each entry', async () => {
    const withHeader = [...extended, '__op', 'c'];
    expect(await changesOf({}, [compact, extended, withHeader])).toMatchObject([upsert, upsert, upsert]);
  });

  it('may be set, and then others make no sense', async () => {
    expect(await changesOf({ format: 'extended' }, [compact, extended])).toMatchObject([unknown, upsert]);
    expect(await changesOf({ format: 'compact' }, [compact, ['key', 'x']])).toMatchObject([upsert, unknown]);
  });

  it('has a text for null', async () => {
    const entries = [['{"id":"a"}', 'default'], ['default', message(null, { op: 't' }).value!]]; // prettier-ignore
    expect(await changesOf({}, entries)).toMatchObject([{ op: 'delete', id: 'a' }, { op: 'truncate' }]);
    expect(await changesOf({ nullText: '' }, [['{"id":"a"}', '']])).toMatchObject([
      { op: 'delete', id: 'a' },
    ]);
  });

  it('is flat with Redis Data Integration', async () => {
    const row = ['id', 'a', 'name', 'Item a', 'version', '1'];
    const options = { format: 'data-integration', keyColumns: ['id'] } as const;
    const entries = [[...row, 'op_code', 'c'], ['op_code', 'd', 'id', 'a'], ['op_code', 'x', 'id', 'a'], row]; // prettier-ignore
    expect(await changesOf(options, entries)).toMatchObject([
      upsert,
      { op: 'delete', id: 'a' },
      { op: 'invalid', reason: expect.stringMatching(/op_code 'x' is unknown/), raw: { fields: entries[2] } },
      { op: 'invalid', reason: expect.stringMatching(/no field op_code/) },
    ]);
    expect(
      await changesOf({ ...options, types: { version: 'json' } }, [
        ['op_code', 'c', 'id', 'a', 'version', '{'],
      ]),
    ).toMatchObject([{ op: 'invalid', id: 'a', reason: expect.stringMatching(/column version/) }]);
  });
});
