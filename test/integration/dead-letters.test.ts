import { type Change, type DeadLetter, SyncOperator, type SyncWorker } from '../../src/index.js';
import { type Item, item, layouts, versionsIn } from '../support/item.js';
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

afterEach(() => world.close());

async function begin(options: { maxDeadLetters?: number; layout?: 'JSON' | 'HASH' } = {}): Promise<void> {
  const { layout = 'HASH', ...workerOptions } = options;
  world = await SyncWorld.open(redis, { layout });
  operator = new SyncOperator({ cache: world.cache });
  source = new ScriptedSource<Item>();
  const starting = world.started(source, { takeoverMs: 400, maxShrink: 1, ...workerOptions });
  (await source.snapshot()).answer('10').rows(item('a'), item('b')).end();
  worker = await starting;
}

const bad = (id: string, version: unknown): Change<Item> => ({
  op: 'upsert',
  id,
  record: { ...item(id), version: version as never },
});
const good = (id: string, version: number): Change<Item> => ({ op: 'upsert', id, record: item(id, version) });

async function send(position: number, ...changes: Change<Item>[]): Promise<void> {
  source.send(position, ...changes);
  await until(async () => (await world.checkpoint()) === String(position));
}

async function onlyLetter(): Promise<DeadLetter> {
  const letters = await operator.deadLetters.list();
  expect(letters).toHaveLength(1);
  return letters[0]!;
}

describe.each(layouts)('a dead letter in the layout %s', (layout) => {
  beforeEach(() => begin({ layout }));

  it('holds the change, the reason, the position and when', async () => {
    const before = Date.now();
    await send(20, good('a', 20), bad('b', { not: 'text' }), good('c', 20));
    const letter = await onlyLetter();
    expect(letter).toMatchObject({
      recordId: 'b',
      position: '20',
      change: bad('b', { not: 'text' }),
      isSuperseded: false,
    });
    expect(letter.reason).toContain('version');
    expect(Date.parse(letter.at)).toBeGreaterThanOrEqual(before - 1_000);
    expect(await versionsIn(world.cache)).toEqual({ a: '20', b: '1', c: '20' });
    expect(world.told('dead-letter')).toMatchObject([{ id: 'b', position: '20', reason: letter.reason }]);
    expect(worker.status()).toMatchObject({ state: 'following', deadLetters: 1 });
    expect((await operator.status()).changes).toEqual({
      received: 3,
      applied: 2,
      covered: 0,
      dead: 1,
      replayed: 0,
      discarded: 0,
      waiting: 1,
    });
  });

  it('is replayed as it should have been', async () => {
    await send(20, bad('b', { not: 'text' }));
    const { id } = await onlyLetter();
    await expect(operator.deadLetters.replay(id)).rejects.toMatchObject({
      code: 'ERR_PREFETCH_REFUSED',
      message: expect.stringContaining('still cannot be applied') as string,
    });
    await operator.deadLetters.replay(id, { change: good('b', 20) });
    expect(await world.version('b')).toBe('20');
    expect(await operator.deadLetters.list()).toEqual([]);
    expect((await operator.status()).changes).toMatchObject({ dead: 1, replayed: 1, waiting: 0 });
    const { changes, deadLetters } = await world.cache.explain('b');
    expect(changes.map(({ cause }) => cause)).toEqual(['replay', 'prefetch']);
    expect(deadLetters).toEqual([]);
  });

  it('is discarded, and counted', async () => {
    await send(20, bad('b', 1n), bad('c', 2n));
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ change, recordId }) => [change, recordId])).toEqual([
      [null, 'b'],
      [null, 'c'],
    ]);
    expect(letters[0]!.shown).toContain('1n');
    await expect(operator.deadLetters.discard(letters.map(({ id }) => id))).resolves.toBe(2);
    await expect(operator.deadLetters.discard(letters.map(({ id }) => id))).resolves.toBe(0);
    expect(await operator.deadLetters.list()).toEqual([]);
    expect((await operator.status()).changes).toMatchObject({ dead: 2, discarded: 2, waiting: 0 });
    expect(worker.status().deadLetters).toBe(0);
  });
});

describe('a newer change of the same record', () => {
  beforeEach(() => begin());

  const superseded = { code: 'ERR_PREFETCH_REFUSED', message: expect.stringContaining('newer') as string };

  it.each<[string, (letterAt: number) => Promise<void>]>([
    ['that came later', () => send(21, good('b', 21))],
    ['that removed it', () => send(21, { op: 'delete', id: 'b' })],
    ['that removed everything', () => send(21, { op: 'truncate' })],
    [
      'that a reload brought',
      async () => {
        const reloading = worker.reload();
        (await source.snapshot(2)).answer('20').rows(item('a', 20), item('b', 20)).end();
        await reloading;
      },
    ],
  ])('%s wins over the letter', async (_, happen) => {
    await send(20, bad('b', { not: 'text' }));
    const { id } = await onlyLetter();
    await happen(20);
    const before = await versionsIn(world.cache);
    await expect(operator.deadLetters.replay(id, { change: good('b', 20) })).rejects.toMatchObject(
      superseded,
    );
    expect(await versionsIn(world.cache)).toEqual(before);
    expect((await onlyLetter()).isSuperseded).toBe(true);
  });

  it('in the same batch wins, and an older one does not', async () => {
    await send(20, bad('b', { not: 'text' }), good('b', 20), good('a', 20), bad('a', { not: 'text' }));
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ recordId, isSuperseded }) => [recordId, isSuperseded])).toEqual([
      ['b', true],
      ['a', false],
    ]);
  });

  it('is known to the next worker, too', async () => {
    await send(20, bad('a', { not: 'text' }), bad('b', { not: 'text' }));
    await send(21, good('b', 21));
    await worker.stop();
    worker = await world.started(source, { takeoverMs: 400 });
    expect(worker.status().deadLetters).toBe(2);
    await send(22, good('a', 22));
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ isSuperseded }) => isSuperseded)).toEqual([true, true]);
  });

  it('came of the same record, which the source could not read before', async () => {
    await send(20, { op: 'invalid', id: 'a', raw: '{"half":', reason: 'not JSON' });
    const { id, recordId } = await onlyLetter();
    expect(recordId).toBe('a');
    await send(21, good('a', 21));
    await expect(operator.deadLetters.replay(id, { change: good('a', 20) })).rejects.toMatchObject(
      superseded,
    );
    expect(await world.version('a')).toBe('21');
  });

  it('does not touch the letters of others, nor of positions that a snapshot has not', async () => {
    await send(20, bad('a', { not: 'text' }));
    await send(30, bad('b', { not: 'text' }), good('c', 30));
    const reloading = worker.reload();
    (await source.snapshot(2)).answer('25').rows(item('a', 25), item('b', 25)).end();
    await reloading;
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ recordId, isSuperseded }) => [recordId, isSuperseded])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('was replayed: then the older letters of the record are history', async () => {
    await send(20, bad('b', { not: 'text' }));
    await send(21, bad('b', { not: 'text' }));
    const [older, newer] = await operator.deadLetters.list();
    await operator.deadLetters.replay(newer!.id, { change: good('b', 21) });
    await expect(operator.deadLetters.replay(older!.id, { change: good('b', 20) })).rejects.toMatchObject(
      superseded,
    );
    expect(await world.version('b')).toBe('21');
  });
});

describe('a replay', () => {
  beforeEach(() => begin());

  it.each<[string, Change<Item>, RegExp]>([
    ['of another record', good('a', 20), /concerns the record b/],
    ['of everything', { op: 'truncate' }, /no upsert or delete/],
    ['that fits no better', bad('b', []), /still cannot/],
  ])('%s is refused, and the letter stays', async (_, change, why) => {
    await send(20, bad('b', { not: 'text' }));
    const { id } = await onlyLetter();
    await expect(operator.deadLetters.replay(id, { change })).rejects.toThrow(why);
    expect((await onlyLetter()).id).toBe(id);
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1' });
  });

  it('of a letter that is not there is refused', async () => {
    await expect(operator.deadLetters.replay('1-1')).rejects.toThrow('There is no dead letter 1-1.');
  });

  it('may be a delete, and of what the source could not read', async () => {
    await send(20, { op: 'invalid', raw: { x: 1 }, reason: 'no id' });
    const letter = await onlyLetter();
    expect(letter).toMatchObject({
      recordId: null,
      reason: 'no id',
      change: { op: 'invalid', raw: { x: 1 } },
    });
    await expect(operator.deadLetters.replay(letter.id)).rejects.toThrow('no upsert or delete');
    await operator.deadLetters.replay(letter.id, { change: { op: 'delete', id: 'b' } });
    expect(await versionsIn(world.cache)).toEqual({ a: '1' });
  });
});

describe('when no more letters can be kept', () => {
  it('the worker waits, says so, and goes on when there is room', async () => {
    await begin({ maxDeadLetters: 3 });
    await send(20, bad('x', { not: 'text' }), bad('y', { not: 'text' }));
    expect(world.told('dead-letters-filling')).toEqual([]);
    await send(21, bad('z', { not: 'text' }));
    expect(world.told('dead-letters-filling')).toMatchObject([{ waiting: 3, limit: 3 }]);
    source.send(22, good('a', 22), bad('b', { not: 'text' }));
    source.send(23, good('a', 23));
    await until(() => worker.status().state === 'retrying');
    expect(worker.status().error).toMatchObject({ code: 'ERR_PREFETCH_DEAD_LETTERS_FULL' });
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1' });
    expect(await world.checkpoint()).toBe('21');
    const [letter] = await operator.deadLetters.list();
    await operator.deadLetters.discard([letter!.id]);
    await until(async () => (await world.checkpoint()) === '23');
    expect(await versionsIn(world.cache)).toEqual({ a: '23', b: '1' });
    await until(() => worker.status().state === 'following');
    expect((await operator.status()).changes).toMatchObject({ received: 6, applied: 2, dead: 4, waiting: 3 });
  });

  it('a batch with more than are kept at all is kept when no others wait', async () => {
    await begin({ maxDeadLetters: 1 });
    await send(20, bad('x', { not: 'text' }), bad('y', { not: 'text' }), good('a', 20));
    expect(await operator.deadLetters.list()).toHaveLength(2);
    source.send(21, bad('z', { not: 'text' }));
    await until(() => worker.status().state === 'retrying');
    const startedAt = performance.now();
    await worker.stop();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await world.checkpoint()).toBe('20');
  });
});

describe('a change that does not fit, while a load runs', () => {
  it('leaves the record to its row', async () => {
    world = await SyncWorld.open(redis);
    operator = new SyncOperator({ cache: world.cache });
    source = new ScriptedSource<Item>();
    const starting = world.started(source);
    const snapshot = (await source.snapshot()).answer('10').rows(item('a'));
    await until(() => snapshot.isHungry);
    source.send(11, bad('b', { not: 'text' }), good('c', 11));
    await until(async () => (await operator.deadLetters.list()).length === 1);
    snapshot.rows(item('b'), item('c')).end();
    await starting;
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1', c: '11' });
    expect((await onlyLetter()).isSuperseded).toBe(false);
  });
});

describe('the letters', () => {
  it('are kept once, whatever the connection does', async () => {
    await begin();
    let position = 20;
    for (let round = 0; round < 20; round++) {
      source.send(++position, good('a', position), bad('b', { round }));
      if (round % 3 === 0) await world.cutConnections();
    }
    await until(async () => (await world.checkpoint()) === String(position), 20_000);
    const letters = await operator.deadLetters.list();
    expect(letters.map(({ position: at }) => Number(at))).toEqual(
      Array.from({ length: 20 }, (_, i) => 21 + i),
    );
    expect((await operator.status()).changes).toMatchObject({ received: 40, applied: 20, dead: 20 });
  });

  it('can be read page by page', async () => {
    await begin();
    await send(20, ...['x', 'y', 'z'].map((id) => bad(id, { not: 'text' })));
    const first = await operator.deadLetters.list({ limit: 2 });
    const rest = await operator.deadLetters.list({ limit: 2, after: first.at(-1)!.id });
    expect([...first, ...rest].map(({ recordId }) => recordId)).toEqual(['x', 'y', 'z']);
  });

  it('do not expire with the records', async () => {
    await begin();
    await send(20, bad('x', { not: 'text' }));
    expect(await world.client.ttl(world.cache.dataset.keys.deadLetters)).toBe(-1);
    expect(await world.client.ttl(world.cache.dataset.keys.counts)).toBe(-1);
  });
});
