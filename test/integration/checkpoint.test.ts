import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncOperator, type SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { ScriptedSource } from '../support/scripted-source.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let directory: string;
let world: SyncWorld;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'prefetch-aof-'));
  const args = ['--dir', directory, '--appendonly', 'yes', '--appendfsync', 'always'];
  redis = await startTestRedis({ args });
});

afterAll(async () => {
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  world = await SyncWorld.open(redis);
});

afterEach(() => world.close());

/** What one record says, and what the checkpoint says, at one and the same moment. */
async function bothAtOnce(id: string): Promise<{ version: number; position: number }> {
  const { keys } = world.cache.dataset;
  const reader = await until(() => world.client.isReady && world.client);
  const reply = await reader.multi().hGet(keys.record(id), 'version').get(keys.checkpoint).exec();
  const [version, position] = reply as unknown as [string, string];
  return { version: Number(version), position: Number(position.split('/').at(-1)) };
}

/**
 * Every change counts a record up, so that its version is the number of changes there were: what the position says.
 * Breaks something again and again meanwhile, and looks at both all the time.
 */
async function countWhileBreaking(count: number, breakSomething: () => Promise<void>, times: number) {
  const primary = new MemoryPrimary<Item>({ records: [item('counter', 0)] });
  const worker = await world.started(primary, { maxBatch: 7 });
  const seen: { version: number; position: number }[] = [];
  let breaking: Promise<void> | undefined;
  let broken = 0;
  for (let n = 1; n <= count; n++) {
    primary.update('counter', { version: String(n) });
    if (n % 10 === 0)
      await bothAtOnce('counter').then(
        (both) => seen.push(both),
        () => undefined,
      );
    if (broken < times && n >= ((broken + 1) * count) / (times + 1)) {
      broken++;
      await breaking;
      breaking = breakSomething();
    }
  }
  await breaking;
  await until(async () => (await worker.lag())?.events === 0, 20_000);
  seen.push(await bothAtOnce('counter'));
  return { worker, seen };
}

describe('the checkpoint and the records', () => {
  it('agree at every moment, while connections break', async () => {
    const { worker, seen } = await countWhileBreaking(3_000, () => world.cutConnections(), 20);
    expect(seen.filter(({ version, position }) => version !== position)).toEqual([]);
    expect(seen.map(({ version }) => version)).toEqual(
      seen.map(({ version }) => version).sort((a, b) => a - b),
    );
    expect(seen.at(-1)).toEqual({ version: 3_000, position: 3_000 });
    expect(world.told('worker-error').length).toBeGreaterThan(0);
    await until(() => worker.status().state === 'following');
  });

  it('agree at every moment, while Redis is killed and started again', async () => {
    const { worker, seen } = await countWhileBreaking(3_000, () => redis.restart(), 5);
    expect(seen.filter(({ version, position }) => version !== position)).toEqual([]);
    expect(seen.map(({ version }) => version)).toEqual(
      seen.map(({ version }) => version).sort((a, b) => a - b),
    );
    expect(seen.at(-1)).toEqual({ version: 3_000, position: 3_000 });
    expect(world.states()).toContain('retrying');
    await until(() => worker.status().state === 'following');
  });

  it('agree for who starts anew after every few changes, by being killed', async () => {
    const primary = new MemoryPrimary<Item>({ records: [item('counter', 0)] });
    let changes = 0;
    for (let life = 0; life < 15; life++) {
      const worker = await world.started(primary, { maxBatch: 3 });
      for (let n = 0; n < 50; n++) primary.update('counter', { version: String(++changes) });
      await until(async () => (await bothAtOnce('counter')).version > changes - 50);
      await Promise.all([world.cutConnections(), worker.stop(1)]);
      const { version, position } = await bothAtOnce('counter');
      expect(version).toBe(position);
    }
    await world.started(primary);
    await until(async () => (await bothAtOnce('counter')).version === changes);
    expect(primary.reads).toBe(1);
  });
});

describe('inside something large', () => {
  let source: ScriptedSource<Item>;

  beforeEach(async () => {
    source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('10').rows(item('a'), item('b')).end();
    await starting;
  });

  it('there is no checkpoint before its end', async () => {
    source.sendIncomplete(20, { op: 'upsert', id: 'a', record: item('a', 2) });
    await until(async () => (await world.version('a')) === '2');
    source.sendIncomplete(20, { op: 'delete', id: 'b' });
    await until(async () => (await world.version('b')) === undefined);
    expect(await world.checkpoint()).toBe('10');
    expect(source.acknowledged).toEqual([]);
    source.send(20, { op: 'upsert', id: 'c', record: item('c', 2) });
    await until(async () => (await world.checkpoint()) === '20');
    expect(await versionsIn(world.cache)).toEqual({ a: '2', c: '2' });
    await until(() => source.acknowledged.includes('20'));
  });

  it('a new worker begins at its beginning again', async () => {
    source.sendIncomplete(20, { op: 'upsert', id: 'a', record: item('a', 2) });
    await until(async () => (await world.version('a')) === '2');
    await world.close();
    world = await SyncWorld.open(redis, { prefix: world.cache.name });
    await world.started(source);
    expect(source.resumedAt).toEqual([null, '10']);
    expect(source.snapshots).toHaveLength(1);
  });
});

describe('many changes in one batch', () => {
  it('are one transaction with the checkpoint, however many; before a truncate they are dropped', async () => {
    const source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('10').end();
    await starting;
    const many = items(3_000, 20);
    const { keys } = world.cache.dataset;
    const [first, last] = [keys.record(many[0]!.id), keys.record(many.at(-1)!.id)];
    const seen = new Set<string>();
    const watching = until(async () => {
      const all = await world.client.multi().exists(first).exists(last).get(keys.checkpoint).dbSize().exec();
      const [isFirstIn, isLastIn, position, size] = all as unknown as [number, number, string, number];
      seen.add(`${isFirstIn} ${isLastIn} ${position} ${size >= 3_000}`);
      return position === '20';
    });
    source.send(20, ...many.map((record) => ({ op: 'upsert', id: record.id, record }) as const));
    await watching;
    expect([...seen].sort()).toEqual(['0 0 10 false', '1 1 20 true']);
    expect(await world.cache.count()).toBe(3_000);
    const long = { ...item('long', 21), name: 'x'.repeat(700_000) };
    source.send(
      21,
      ...['a', 'b', 'c', 'd'].map((id) => ({ op: 'upsert', id, record: { ...long, id } }) as const),
      { op: 'truncate' },
      { op: 'upsert', id: 'long', record: long },
    );
    await until(async () => (await world.checkpoint()) === '21');
    expect(await versionsIn(world.cache)).toEqual(versionsOf([long]));
  });
});

describe('changes that come once more', () => {
  let source: ScriptedSource<Item>;
  let worker: SyncWorker<Item>;
  const upsert = (id: string, version: number) => ({ op: 'upsert', id, record: item(id, version) }) as const;
  const poison = { op: 'invalid', raw: 'x', reason: 'not decodable' } as const;
  const dealtWith = (times: number) => until(() => source.acknowledged.length === times);

  beforeEach(async () => {
    source = new ScriptedSource<Item>();
    const starting = world.started(source);
    (await source.snapshot()).answer('10').rows(item('a'), item('b')).end();
    worker = await starting;
  });

  it('show no older state, bring nothing back, and are no dead letters again', async () => {
    source.send(11, upsert('a', 11), upsert('c', 11), poison);
    source.send(12, upsert('a', 12), { op: 'delete', id: 'b' });
    source.send(13, { op: 'delete', id: 'c' });
    await dealtWith(3);
    for (const [n, position] of [9, 10, 11, 12, 13].entries()) {
      source.send(position, upsert('a', position), upsert('b', position), upsert('c', position), poison);
      await dealtWith(4 + n);
      expect(await versionsIn(world.cache)).toEqual({ a: '12' });
      expect(await world.checkpoint()).toBe('13');
    }
    source.send(14, upsert('b', 14));
    await dealtWith(9);
    expect(await versionsIn(world.cache)).toEqual({ a: '12', b: '14' });
    const { changes } = await new SyncOperator({ cache: world.cache }).status();
    expect(changes).toMatchObject({ received: 27, applied: 6, covered: 20, dead: 1, waiting: 1 });
    expect(worker.status().state).toBe('following');
  });

  it('with parts of something large come to the same end', async () => {
    const large = () => {
      source.sendIncomplete(20, upsert('a', 18), upsert('c', 18));
      source.send(20, upsert('a', 20), { op: 'delete', id: 'c' });
    };
    large();
    source.send(21, upsert('a', 21));
    await dealtWith(2);
    large();
    source.send(21, upsert('a', 21));
    await dealtWith(4);
    expect(await versionsIn(world.cache)).toEqual({ a: '21', b: '1' });
    expect(await world.checkpoint()).toBe('21');
  });
});
