import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReloadReason } from '../../src/index.js';
import { timeOf } from '../../src/redis/streams/entry-id.js';
import { item } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { Following } from '../support/stream-following.js';
import { StreamWorld } from '../support/stream-world.js';
import { until } from '../support/until.js';

type Fault = (world: StreamWorld, entries: readonly string[]) => Promise<unknown>;

/** What may happen to a stream of six entries while somebody stands at the third, and what follows from it. */
const faults: [what: string, fault: Fault, reload: ReloadReason][] = [
  ['is deleted', ({ client, stream }) => client.del(stream), 'source-changed'],
  [
    'is deleted and made anew',
    async (world, entries) => {
      await until(() => Date.now() > (timeOf(entries[5] ?? '') ?? 0)); // or it would be made anew with older ids
      await world.client.del(world.stream);
      await world.upsert('new');
    },
    'lost-changes',
  ],
  [
    'is made anew with older ids',
    async ({ client, stream }) => {
      await client.del(stream);
      await client.xAdd(stream, '1-1', { op: 'truncate' });
    },
    'source-changed',
  ],
  [
    'is made anew, empty, and says that it is as far as before',
    async ({ client, stream }, entries) => {
      await client.del(stream);
      await client.xAdd(stream, '1-1', { op: 'truncate' });
      await client.sendCommand(['XSETID', stream, entries[5] ?? '']);
    },
    'lost-changes',
  ],
  [
    'is trimmed too far',
    ({ client, stream }, entries) => client.xTrim(stream, 'MINID', entries[4] as unknown as number),
    'lost-changes',
  ],
  ['is emptied', ({ client, stream }) => client.xTrim(stream, 'MAXLEN', 0), 'lost-changes'],
  [
    'is emptied, and goes on',
    async (world) => {
      await world.client.xTrim(world.stream, 'MAXLEN', 0);
      await world.upsert('new');
    },
    'lost-changes',
  ],
  [
    'loses an entry in its midst',
    ({ client, stream }, entries) => client.xDel(stream, entries[4] ?? ''),
    'lost-changes',
  ],
];

/** What may happen to it without any loss. */
const harmless: [what: string, fault: Fault][] = [
  ['nothing happens', () => Promise.resolve()],
  [
    'it is trimmed up to the position',
    ({ client, stream }, entries) => client.xTrim(stream, 'MINID', entries[2] as unknown as number),
  ],
  [
    'an entry that was read is deleted',
    ({ client, stream }, entries) => client.xDel(stream, entries[1] ?? ''),
  ],
];

describe('a Redis stream', () => {
  let redis: TestRedis;
  let world: StreamWorld;
  let entries: string[];

  beforeAll(async () => {
    redis = await startTestRedis();
  });

  beforeEach(async () => {
    world = await StreamWorld.open(redis);
    entries = await world.upsert('a', 'b', 'c', 'd', 'e', 'f');
  });

  afterEach(() => world.close());

  afterAll(() => redis.stop());

  const third = () => entries[2] ?? '';

  it('is read from the beginning of a load when there is no checkpoint, or one of something else', async () => {
    const session = await world.session();
    expect(await session.resume(null)).toMatchObject({ reload: 'no-checkpoint' });
    for (const foreign of ['0/16B3748', '6c2d/17', '5', '99999999999999999999-0']) {
      expect(await session.resume(foreign)).toMatchObject({ reload: 'unknown-position' });
    }
  });

  it.each(harmless)('goes on when %s', async (_, fault) => {
    await fault(world, entries);
    const session = await world.session();
    expect(await session.resume(third())).toEqual({ from: third() });
    const following = new Following(session, third());
    await following.hasSeen(3);
    expect(following.ids).toEqual(['d', 'e', 'f']);
  });

  it.each(faults)('that %s must be loaded again', async (_, fault, reload) => {
    await fault(world, entries);
    const session = await world.session();
    expect(await session.resume(third())).toEqual({ reload, detail: expect.any(String) });
  });

  it.each(faults)('that %s before it is read on is an error', async (_, fault, reload) => {
    await fault(world, entries);
    const session = await world.session();
    const following = new Following(session, third());
    expect(await following.failure()).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining(`Changes are missing in \`${world.stream}\``),
    });
    expect(following.batches).toEqual([]);
    expect(await session.resume(third())).toMatchObject({ reload });
  });

  it.each<[string, Fault]>([
    ...faults.slice(0, 3).map(([what, fault]): [string, Fault] => [what, fault]),
    [
      'is emptied and goes on with more than one reads at a time',
      async (world) => {
        const { client, stream } = world;
        const more = Array.from({ length: 600 }, (_, i) => `more-${i}`);
        const all = client.multi();
        for (const id of more) all.addCommand(['XADD', stream, '*', 'op', 'delete', 'id', id]);
        await all.addCommand(['XTRIM', stream, 'MAXLEN', '1']).exec();
      },
    ],
  ])('that %s while somebody waits for more is an error', async (_, fault) => {
    const end = entries[5] ?? '';
    const session = await world.session();
    const following = new Following(session, end);
    await world.waiting();
    await fault(world, entries);
    expect(await following.failure()).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    expect(following.changes).toEqual([]);
    expect(await session.resume(end)).toHaveProperty('reload');
  });

  it('is not taken for a gap when it was emptied after everything had been read', async () => {
    await world.client.xTrim(world.stream, 'MAXLEN', 0);
    const session = await world.session();
    const end = entries[5] ?? '';
    expect(await session.resume(end)).toEqual({ from: end });
    const following = new Following(session, end);
    await world.waiting();
    expect(following.error).toBeUndefined();
  });

  it('with a gap stays so for the session until a load has been read to its end', async () => {
    const session = await world.session({ snapshot: () => [item('a'), item('b')] });
    const following = new Following(session, third());
    await following.hasSeen(3);
    const { client, stream } = world;
    const lost = '9000000000000-0';
    await client.multi().xAdd(stream, lost, { op: 'truncate' }).xDel(stream, lost).exec();
    await following.failure();
    // What was read before the gap may not have been applied.
    expect(await session.resume(third())).toMatchObject({ reload: 'lost-changes' });
    const { signal } = new AbortController();
    const given = await session.snapshot(signal);
    expect(await session.resume(given.position)).toHaveProperty('reload', 'lost-changes');
    for await (const page of given.records) expect(page).toHaveLength(2);
    await given.close();
    expect(await session.resume(given.position)).toEqual({ from: given.position });
  });
});

describe('a Redis that is set back', () => {
  let directory: string;
  let redis: TestRedis;
  let world: StreamWorld;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'prefetch-stream-'));
    redis = await startTestRedis({ args: ['--dir', directory] });
    world = await StreamWorld.open(redis);
  });

  afterEach(async () => {
    await world.close();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is noticed at the next start, and by who follows', async () => {
    await world.upsert('a', 'b');
    await world.client.sendCommand(['SAVE']);
    const [, last = ''] = await world.upsert('c', 'd');
    const following = await world.follow(last);
    await world.waiting();
    await redis.restart();
    expect(await following.failure()).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    const session = await world.session();
    expect(await session.resume(last)).toMatchObject({ reload: 'source-changed' });
    // The load stands after everything that was ever seen.
    const { position } = await session.snapshot(new AbortController().signal);
    expect(session.compare(position, last)).toBeGreaterThan(0);
    expect(await session.resume(position)).toMatchObject({ from: position });
  });

  it('is noticed also when the stream has grown past the position since', async () => {
    await world.upsert('a', 'b');
    await world.client.sendCommand(['SAVE']);
    const [, last = ''] = await world.upsert('c', 'd');
    await redis.restart();
    await until(async () => (await world.entries().catch(() => [])).length === 2);
    await world.upsert('e');
    const session = await world.session();
    expect(await session.resume(last)).toMatchObject({ reload: 'lost-changes' });
  });

  it('and comes back with everything is no reason to load again', async () => {
    const [, last = ''] = await world.upsert('a', 'b');
    const session = await world.session();
    const following = new Following(session, last);
    await world.waiting();
    await world.client.sendCommand(['SAVE']);
    await redis.restart();
    await world.upsert('c');
    await following.hasSeen(1);
    expect(following.ids).toEqual(['c']);
    expect(await session.resume(last)).toEqual({ from: last });
  });
});
