import type { Snapshot } from '../../src/index.js';
import type { RedisStreamSourceOptions, SnapshotContext } from '../../src/sources/redis-stream/index.js';
import { type Item, item, items } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { Following } from '../support/stream-following.js';
import { StreamWorld } from '../support/stream-world.js';

type SnapshotFunction = RedisStreamSourceOptions<Item>['snapshot'];

describe('a snapshot with its place in a Redis stream', () => {
  const { signal } = new AbortController();
  let redis: TestRedis;
  let world: StreamWorld;

  beforeAll(async () => {
    redis = await startTestRedis();
  });

  beforeEach(async () => {
    world = await StreamWorld.open(redis);
  });

  afterEach(() => world.close());

  afterAll(() => redis.stop());

  async function snapshotBy(snapshot: SnapshotFunction, until = signal): Promise<Snapshot<Item>> {
    return (await world.session({ snapshot })).snapshot(until);
  }

  async function pagesOf(snapshot: Snapshot<Item>): Promise<number[]> {
    const pages: number[] = [];
    for await (const page of snapshot.records) pages.push(page.length);
    await snapshot.close();
    return pages;
  }

  it.each<[string, SnapshotFunction]>([
    ['a list', () => items(2_500)],
    ['a promised list', () => Promise.resolve(items(2_500))],
    ['the values of a map', () => new Map(items(2_500).map((record) => [record.id, record])).values()],
    [
      'a generator',
      async function* () {
        for (const record of items(2_500)) yield await Promise.resolve(record);
      },
    ],
  ])('takes %s', async (_, snapshot) => {
    const given = await snapshotBy(snapshot);
    expect(given.exact).toBe(false);
    expect(await pagesOf(given)).toEqual([1_000, 1_000, 500]);
  });

  it('stands at what was published before the reading began', async () => {
    const [last] = await world.upsert('a');
    let during: string[] = [];
    let told: SnapshotContext | undefined;
    const session = await world.session({
      snapshot: async (context) => {
        told = context;
        during = await world.upsert('b');
        return [item('a'), item('b')];
      },
    });
    const { position, exact } = await session.snapshot(signal);
    expect({ position, exact }).toEqual({ position: last, exact: false });
    expect(told).toEqual({ position, signal });
    const following = new Following(session, position);
    await following.hasSeen(1);
    expect(following.position).toBe(during[0]);
  });

  it.each<[string, (world: StreamWorld) => Promise<unknown>]>([
    ['was never written', () => Promise.resolve()],
    ['was emptied', async ({ client, stream }) => client.xDel(stream, await world.begin())],
    [
      'lost its last entry',
      async ({ client, stream }) => {
        const [, last = ''] = await world.upsert('a', 'b');
        await client.xDel(stream, last);
      },
    ],
  ])('leaves a mark to stand at in a stream that %s', async (_, prepare) => {
    await prepare(world);
    const { position } = await snapshotBy(() => []);
    expect(await world.client.xRange(world.stream, position, position)).toEqual([
      expect.objectContaining({ id: position, message: { op: 'mark' } }),
    ]);
    const session = await world.session();
    expect(await session.resume(position)).toEqual({ from: position });
    const following = new Following(session, position);
    await world.upsert('c', 'd');
    await following.hasSeen(2);
    expect(following.ids).toEqual(['c', 'd']);
  });

  it('writes nothing where there is an entry to stand at', async () => {
    const entries = await world.upsert('a', 'b');
    expect((await snapshotBy(() => [])).position).toBe(entries[1]);
    expect(await world.entries()).toEqual(entries);
  });

  it('takes a primary at its word that knows its position', async () => {
    const [first = ''] = await world.upsert('a', 'b');
    const given = await snapshotBy(() => ({ records: [item('a')], position: first }));
    expect(given).toMatchObject({ position: first, exact: true });
    expect(await pagesOf(given)).toEqual([1]);
  });

  it('refuses a position that the stream does not reach back to', async () => {
    const [first = ''] = await world.upsert('a', 'b', 'c');
    await world.client.xDel(world.stream, first);
    await expect(snapshotBy(() => ({ records: [], position: first }))).rejects.toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining(`does not reach back to ${first}`),
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /`snapshot` to be a function that gives all records/],
    ['null', null, /`snapshot` to be/],
    ['text', 'records', /`snapshot` to be/],
    ['a result of a query', { rows: [] }, /`snapshot` to be/],
    ['a position without records', { position: '1-1' }, /`snapshot` to be/],
    [
      'a position that is no id',
      { records: [], position: 'end' },
      /`position` to be the id of a stream entry/,
    ],
  ])('refuses %s', async (_, given, message) => {
    await expect(snapshotBy(() => given as Item[])).rejects.toMatchObject({
      code: 'ERR_PREFETCH_OPTION',
      message: expect.stringMatching(message),
    });
  });

  it('ends what gives the records when it is closed, and when it is aborted', async () => {
    let ended = 0;
    const endless = async function* () {
      try {
        for (let n = 0; ; n++) yield await Promise.resolve(item(String(n)));
      } finally {
        ended++;
      }
    };
    const closed = await snapshotBy(endless);
    for await (const page of closed.records) {
      expect(page).toHaveLength(1_000);
      break;
    }
    await closed.close();
    await closed.close();
    expect(ended).toBe(1);
    const aborting = new AbortController();
    const aborted = await snapshotBy(endless, aborting.signal);
    const pages = aborted.records[Symbol.asyncIterator]();
    await pages.next();
    aborting.abort();
    await expect(pages.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(ended).toBe(2);
  });

  it('passes on why the primary cannot be read', async () => {
    const down = new Error('The database is down');
    await expect(snapshotBy(() => Promise.reject(down))).rejects.toBe(down);
  });
});
