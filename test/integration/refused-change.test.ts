import { inspect } from 'node:util';
import { type Change, SyncOperator, type SyncWorker } from '../../src/index.js';
import { type Item, item, versionsIn } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let world: SyncWorld;
let source: ScriptedSource<Item>;
let worker: SyncWorker<Item>;
let operator: SyncOperator<Item>;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

beforeEach(async () => {
  world = await SyncWorld.open(redis);
  source = new ScriptedSource<Item>();
  const starting = world.started(source);
  (await source.snapshot()).answer('10').rows(item('a'), item('b')).end();
  worker = await starting;
  operator = new SyncOperator({ cache: world.cache });
});

afterEach(() => world.close());

const circular: Record<string, unknown> = { id: 'c', name: 'circular' };
circular['version'] = circular;

function upsert(id: string, version: number): Change<Item> {
  return { op: 'upsert', id, record: item(id, version) };
}

/** Waits until everything up to the position is dealt with. */
async function passed(position: number): Promise<void> {
  await until(() => source.acknowledged.includes(String(position)));
  expect(await world.checkpoint()).toBe(String(position));
}

async function reasons(): Promise<string[]> {
  return (await operator.deadLetters.list()).map(({ reason }) => reason);
}

describe('a change that cannot be applied', () => {
  it.each<[string, Change<Item>, string | null, RegExp]>([
    [
      'is nothing that the source understood',
      { op: 'invalid', raw: { x: 1 }, reason: 'no id' },
      null,
      /no id/,
    ],
    ['is raw data that is no JSON', { op: 'invalid', raw: [1n, Symbol('s')], reason: 'odd' }, null, /odd/],
    [
      'does not fit the schema',
      { op: 'upsert', id: 'c', record: { ...item('c'), name: {} as never } },
      'c',
      /name/,
    ],
    ['holds itself', { op: 'upsert', id: 'c', record: circular as never }, 'c', /version/],
    [
      'holds a bigint',
      { op: 'upsert', id: 'c', record: { ...item('c'), version: 5n as never } },
      'c',
      /version/,
    ],
    ['has no fields', { op: 'upsert', id: 'c', record: {} as never }, 'c', /no fields/],
    ['has another id than its record', { op: 'upsert', id: 'c', record: item('d') }, 'c', /id/],
    ['has an id that is not allowed', { op: 'delete', id: 'c:d' }, 'c:d', /id/],
    [
      'brings some fields of what is not there',
      { op: 'upsert', id: 'c', record: { version: '2' }, partial: true },
      'c',
      /merge/,
    ],
    ['is of a kind that nobody knows', { op: 'rename', id: 'a' } as never, 'a', /rename/],
    ['is nothing at all', null as never, null, /no change/],
    ['is no change', 'rubbish' as never, null, /no change/],
  ])('because it %s becomes a dead letter, and all else goes on', async (_, change, recordId, why) => {
    source.send(15, upsert('a', 15));
    source.send(20, upsert('a', 20), change, upsert('b', 20), upsert('d', 20));
    source.send(21, upsert('e', 21));
    await passed(21);

    const letters = await operator.deadLetters.list();
    expect(letters).toMatchObject([
      { position: '20', recordId, reason: expect.stringMatching(why), isSuperseded: false },
    ]);
    expect(Date.now() - Date.parse(letters[0]!.at)).toBeLessThan(60_000);
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '20', d: '20', e: '21' });
    expect(world.told('dead-letter')).toMatchObject([
      { position: '20', reason: letters[0]!.reason, ...(recordId !== null && { id: recordId }) },
    ]);
    expect(worker.status()).toMatchObject({
      state: 'following',
      error: null,
      position: '21',
      deadLetters: 1,
    });
    expect(world.states()).toEqual(['starting', 'following']);
    expect(world.told('worker-error')).toEqual([]);
    expect((await operator.status()).changes).toMatchObject({ received: 6, applied: 5, dead: 1, waiting: 1 });
  });

  it('is kept as it came, where JSON knows it, and else as it looks', async () => {
    const asJson: Change<unknown>[] = [
      { op: 'upsert', id: 'c', record: { ...item('c'), name: { deep: [1, null, 'x'] } } },
      { op: 'invalid', raw: { text: '\u0000 ü 🧀', at: new Date(5) }, reason: 'odd' },
      { op: 'rename', id: 'a', to: 'b' } as never,
    ];
    const others: Change<unknown>[] = [
      { op: 'upsert', id: 'c', record: circular },
      { op: 'upsert', id: 'c', record: { ...item('c'), version: 5n } },
      { op: 'invalid', raw: NaN, reason: 'odd' },
    ];
    source.send(20, ...(asJson as Change<Item>[]), ...(others as Change<Item>[]));
    await passed(20);
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ change }) => change)).toEqual([...asJson, null, null, null]);
    expect(letters.slice(3).map(({ shown }) => shown)).toEqual([
      expect.stringContaining('[Circular'),
      expect.stringContaining('5n'),
      expect.stringContaining('NaN'),
    ]);
  });

  it('leaves the order of what is applied around it', async () => {
    const poison: Change<Item> = { op: 'invalid', raw: 'x', reason: 'not decodable' };
    source.send(20, upsert('a', 20), poison, upsert('a', 21), { op: 'delete', id: 'b' }, poison);
    source.send(22, poison, upsert('b', 22), upsert('a', 22), poison, { op: 'delete', id: 'a' });
    source.send(23, upsert('c', 23), poison, { op: 'truncate' }, poison, upsert('d', 23));
    await passed(23);
    expect(await versionsIn(world.cache)).toEqual({ d: '23' });
    expect((await operator.deadLetters.list()).map(({ position }) => position)).toEqual([
      ...['20', '20', '22', '22', '23', '23'],
    ]);
    expect((await operator.status()).changes).toMatchObject({ received: 15, applied: 9, dead: 6 });
  });

  it('in a batch of nothing else moves the checkpoint all the same', async () => {
    source.send(
      20,
      ...Array.from({ length: 50 }, (_, n): Change<Item> => {
        return { op: 'invalid', raw: n, reason: `number ${n}` };
      }),
    );
    await passed(20);
    expect(await reasons()).toEqual(Array.from({ length: 50 }, (_, n) => `number ${n}`));
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1' });
  });

  it('is not one again for the next worker', async () => {
    source.send(20, { op: 'invalid', raw: 'x', reason: 'not decodable' });
    await passed(20);
    await worker.stop();
    const second = await world.started(source);
    expect(source.resumedAt).toEqual([null, '20']);
    expect(second.status().deadLetters).toBe(1);
    source.send(21, { op: 'invalid', raw: 'y', reason: 'not decodable either' });
    await passed(21);
    expect(await reasons()).toEqual(['not decodable', 'not decodable either']);
  });

  it('leaves the record as it was, and a later change of it supersedes the letter', async () => {
    source.send(20, { op: 'upsert', id: 'a', record: { ...item('a'), version: {} as never } });
    await passed(20);
    expect(await world.version('a')).toBe('1');
    source.send(21, upsert('b', 21));
    await passed(21);
    expect(await operator.deadLetters.list()).toMatchObject([{ recordId: 'a', isSuperseded: false }]);
    source.send(22, upsert('a', 22));
    await passed(22);
    expect(await operator.deadLetters.list()).toMatchObject([{ recordId: 'a', isSuperseded: true }]);
  });

  it('is not printed as a whole when it is large', async () => {
    const record = { ...item('c'), name: 'x'.repeat(2_000_000), version: {} as never };
    const id = 'i'.repeat(100_000);
    source.send(20, { op: 'upsert', id: 'c', record }, { op: 'delete', id });
    await passed(20);
    for (const event of world.events)
      expect(inspect(event, { maxStringLength: null }).length).toBeLessThan(5_000);
    const [first, second] = await operator.deadLetters.list();
    expect(first).toMatchObject({ recordId: 'c', change: null });
    expect(first!.shown.length).toBeLessThan(5_000);
    expect(second!.reason.length).toBeLessThan(2_000);
  });

  it('does not disturb a reload that runs', async () => {
    const reloading = worker.reload();
    const snapshot = (await source.snapshot(2)).answer('30').rows(item('a', 30));
    await until(() => snapshot.isHungry);
    source.send(31, { op: 'invalid', raw: 'x', reason: 'not decodable' }, upsert('b', 31));
    await until(() => source.acknowledged.includes('31'));
    snapshot.rows(item('b', 30)).end();
    expect(await reloading).toMatchObject({ loaded: 1, removed: 0 });
    expect(await versionsIn(world.cache)).toEqual({ a: '30', b: '31' });
    expect(await world.checkpoint()).toBe('31');
    expect(await operator.deadLetters.list()).toMatchObject([{ position: '31', isSuperseded: false }]);
  });

  it('is none when a snapshot has overtaken it', async () => {
    const reloading = worker.reload();
    (await source.snapshot(2)).answer('30').rows(item('a', 30), item('b', 30)).end();
    await reloading;
    source.send(20, { op: 'invalid', raw: 'x', reason: 'not decodable' }, upsert('a', 20));
    source.send(31, upsert('a', 31));
    await passed(31);
    expect(await operator.deadLetters.list()).toEqual([]);
    expect((await operator.status()).changes).toMatchObject({ received: 3, applied: 1, covered: 2, dead: 0 });
    expect(worker.status().state).toBe('following');
  });
});
