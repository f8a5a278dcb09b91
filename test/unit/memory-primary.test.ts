import { MemoryPrimary } from '../../src/sources/memory/index.js';

interface Thing {
  id: string;
  name: string;
  tags: string[];
}

function thing(id: string, name = 'name'): Thing {
  return { id, name, tags: ['a'] };
}

function primaryOf(...ids: string[]): MemoryPrimary<Thing> {
  return new MemoryPrimary<Thing>({ records: ids.map((id) => thing(id)) });
}

/** Everything that the feed gives from the first change on. */
async function changesOf(primary: MemoryPrimary<Thing>, count: number) {
  const session = await primary.open();
  const { position } = await session.snapshot(new AbortController().signal);
  const first = position.replace(/\d+$/, '0');
  const abort = new AbortController();
  const changes = [];
  for await (const batch of session.changes(first, { signal: abort.signal, maxBatch: 1 })) {
    changes.push(...batch.changes);
    if (changes.length === count) abort.abort();
  }
  await session.close();
  return changes;
}

describe('a memory primary', () => {
  it('adds, updates, deletes and truncates, and says what came of it', async () => {
    const primary = primaryOf('a');
    expect(primary.add(thing('a', 'again'))).toBe(false);
    expect(primary.add(thing('b'))).toBe(true);
    expect(primary.update('a', { name: 'new' })).toEqual({ id: 'a', name: 'new', tags: ['a'] });
    expect(primary.update('a', { id: 'z' })).toMatchObject({ id: 'a' });
    expect(primary.update('x', { name: 'new' })).toBeUndefined();
    expect(primary.delete('x')).toBe(false);
    expect(primary.delete('b')).toBe(true);
    expect([...primary.ids()]).toEqual(['a']);
    expect([primary.size, primary.has('a'), primary.has('b')]).toEqual([1, true, false]);
    primary.truncate();
    expect(primary.size).toBe(0);
    expect((await changesOf(primary, 5)).map((change) => change.op)).toEqual([
      'upsert',
      'upsert',
      'upsert',
      'delete',
      'truncate',
    ]);
  });

  it('counts what reads it, and nothing else', async () => {
    const primary = primaryOf('a', 'b');
    primary.peek('a');
    primary.has('a');
    expect([...primary.ids()]).toHaveLength(2);
    primary.update('a', { name: 'new' });
    primary.add(thing('c'));
    primary.delete('c');
    const session = await primary.open();
    expect(primary.reads).toBe(0);
    expect(await primary.get('a')).toMatchObject({ name: 'new' });
    expect(await primary.get('x')).toBeUndefined();
    expect(await primary.list()).toHaveLength(2);
    await session.snapshot(new AbortController().signal);
    expect(primary.reads).toBe(4);
    primary.resetReads();
    expect(primary.reads).toBe(0);
  });

  it('takes its time to be read, if told so', async () => {
    const primary = new MemoryPrimary<Thing>({ records: [thing('a')], readLatencyMs: 30 });
    const session = await primary.open();
    for (const read of [
      () => primary.get('a'),
      () => primary.list(),
      () => session.snapshot(new AbortController().signal),
    ]) {
      const startedAt = performance.now();
      await read();
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(28);
    }
  });

  it('gives and takes copies only, however deep', async () => {
    const given = thing('a');
    const primary = new MemoryPrimary<Thing>({ records: [given] });
    const added = thing('b');
    primary.add(added);
    const fields = { tags: ['b'] };
    const updated = primary.update('a', fields)!;
    const taken = [
      given,
      added,
      updated,
      fields,
      primary.peek('a')!,
      (await primary.get('b'))!,
      ...(await primary.list()),
    ];
    for (const one of taken) one.tags.push('stranger');
    for (const record of await primary.list()) expect(record.tags).not.toContain('stranger');
    for (const change of await changesOf(primary, 2))
      expect(JSON.stringify(change)).not.toContain('stranger');
  });

  it('gives a snapshot whose position and rows are of the same moment, whatever happens meanwhile', async () => {
    const primary = primaryOf('counter');
    primary.update('counter', { name: '1' });
    let version = 1;
    const writer = { isOver: false };
    const writing = (async () => {
      while (!writer.isOver) {
        primary.update('counter', { name: String(++version) });
        await Promise.resolve();
      }
    })();
    const session = await primary.open();
    for (let round = 0; round < 200; round++) {
      const snapshot = await session.snapshot(new AbortController().signal);
      for await (const [row] of snapshot.records) {
        expect(row?.name).toBe(snapshot.position.split('/').at(-1));
      }
    }
    writer.isOver = true;
    await writing;
  });

  it('gives a large snapshot in pages', async () => {
    const primary = primaryOf(...Array.from({ length: 2_500 }, (_, n) => String(n)));
    const session = await primary.open();
    const sizes: number[] = [];
    const snapshot = await session.snapshot(new AbortController().signal);
    for await (const page of snapshot.records) {
      sizes.push(page.length);
      primary.truncate();
    }
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });

  it.each([{ readLatencyMs: -1 }, { readLatencyMs: NaN }, { readLatencyMs: '5' }, { latency: 5 }])(
    'refuses %j',
    (options) => {
      expect(() => new MemoryPrimary<Thing>({ records: [], ...(options as object) })).toThrow(
        expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }),
      );
    },
  );
});
