import { until } from '../support/until.js';
import { ContractContext, type SourceHarness } from './contract-context.js';
import { describeResuming } from './resume-contract.js';
import { Model, read, readUntilCaughtUp, snapshotOf } from './source-reader.js';

export type { SourceHarness } from './contract-context.js';

/** What every source must do, whatever is behind it. */
export function describeSource(
  name: string,
  makeHarness: () => Promise<SourceHarness> | SourceHarness,
): void {
  describe(`the source ${name}`, () => {
    const on = new ContractContext(makeHarness);
    describeReading(on);
    describeResuming(on);
  });
}

function describeReading(on: ContractContext): void {
  it('has a name', () => {
    expect(on.harness.source.name).toMatch(/^\S+$/);
  });

  it('has to be loaded when there is no checkpoint', async () => {
    expect(await on.session.resume(null)).toEqual({
      reload: 'no-checkpoint',
      detail: expect.stringMatching(/\w/),
    });
  });

  it.each(['nonsense', '', '0', '-1', '{}', '../../x', '0/0', 'x'.repeat(10_000)])(
    'has to be loaded when the checkpoint is not one of its positions (%#)',
    async (position) => {
      const resumed = await on.session.resume(position);
      expect(resumed).toMatchObject({ reload: expect.stringMatching(/^unknown-position$|^lost-changes$/) });
      expect(resumed).toHaveProperty('detail', expect.stringMatching(/\w/));
    },
  );

  it('gives all records of the primary as a snapshot, each once', async () => {
    const { records } = await snapshotOf(on.session);
    expect(records).toHaveLength(25);
    expect(new Model(records).versions).toEqual(await on.current());
  });

  it('gives an empty snapshot of an empty primary, and then the first record', async () => {
    await on.harness.truncate();
    const { model, position } = await on.loaded();
    expect(model.versions).toEqual({});
    await on.write('first');
    await model.follow(on.session, position);
    expect(model.versions).toEqual(await on.current());
  });

  it('gives a snapshot and the changes after it that make the present state, while others write', async () => {
    for (let round = 0; round < 5; round++) {
      const snapshot = await on.session.snapshot(on.signal);
      const model = new Model([]);
      for await (const page of snapshot.records) {
        model.load(page);
        await on.write(`id-${round}`);
        await on.write(`new-${on.version}`);
        await on.harness.remove(`id-${20 + round}`);
      }
      await snapshot.close();
      await on.write('last');
      await model.follow(on.session, snapshot.position);
      expect(model.versions).toEqual(await on.current());
      if (snapshot.exact) expect(model.repeated).toEqual([]);
    }
  });

  it('gives an exact snapshot as of its position, however writes fall between asking and reading', async () => {
    const asking = on.session.snapshot(on.signal);
    for (let n = 0; n < 25; n++) {
      await on.write(`id-${n}`);
      if (n % 5 === 0) await on.harness.remove(`id-${n + 1}`);
    }
    const snapshot = await asking;
    for (let n = 0; n < 25; n++) await on.write(`id-${n}`);
    const model = new Model([]);
    for await (const page of snapshot.records) model.load(page);
    await snapshot.close();
    await model.follow(on.session, snapshot.position);
    expect(model.versions).toEqual(await on.current());
    if (snapshot.exact) expect(model.repeated).toEqual([]);
  });

  it('tells the right number of records of a snapshot, if any', async () => {
    const snapshot = await on.session.snapshot(on.signal);
    await snapshot.close();
    expect([25, undefined]).toContain(snapshot.total);
  });

  it('tells how far its changes go, if it can, and comes to that position', async () => {
    const { position } = await on.loaded();
    if (!on.session.end) return;
    expect(on.session.compare(await on.session.end(), position)).toBeGreaterThanOrEqual(0);
    await on.write('late');
    await on.harness.remove('id-3');
    const end = await on.session.end();
    expect(on.session.compare(end, position)).toBeGreaterThan(0);
    const batches = await readUntilCaughtUp(on.session, position);
    const reached = batches.at(-1)?.position ?? '';
    expect(on.session.compare(reached, end)).toBeGreaterThanOrEqual(0);
    expect(batches.flatMap(({ changes }) => changes)).toHaveLength(2);
  });

  it('lets a snapshot be closed before its end, and twice', async () => {
    const snapshot = await on.session.snapshot(on.signal);
    await snapshot.records[Symbol.asyncIterator]().next();
    await snapshot.close();
    await snapshot.close();
    expect((await snapshotOf(on.session)).records).toHaveLength(25);
  });

  it('keeps the order of the changes to a record, and gives every one of them', async () => {
    const { position } = await on.loaded();
    const written: Record<string, string[]> = { a: [], b: [], c: [] };
    const writer = async (id: string) => {
      for (let n = 0; n < 40; n++) {
        await on.write(id);
        written[id]?.push(String(on.version));
        if (n % 10 === 9) await on.harness.remove(id);
      }
    };
    // One after the other in each step: the version must be known to be this writer's.
    for (const id of ['a', 'b', 'c']) await writer(id);
    const seen: Record<string, string[]> = { a: [], b: [], c: [] };
    let removals = 0;
    for (const { changes } of await readUntilCaughtUp(on.session, position)) {
      for (const change of changes) {
        if (change.op === 'upsert') seen[change.id]?.push(change.record.version ?? '');
        if (change.op === 'delete') removals++;
      }
    }
    expect(seen).toEqual(written);
    expect(removals).toBe(12);
  });

  it('tells of a truncation where it happened', async () => {
    const { model, position } = await on.loaded();
    await on.write('before');
    await on.harness.truncate();
    await on.write('after');
    await model.follow(on.session, position);
    expect(Object.keys(model.versions)).toEqual(['after']);
  });

  it('has positions that compare in the order of what they stand for', async () => {
    const { position } = await on.loaded();
    for (let n = 0; n < 12; n++) await on.write(`id-${n}`);
    const batches = await readUntilCaughtUp(on.session, position, { maxBatch: 1 });
    const positions = [
      position,
      ...batches.filter(({ complete }) => complete).map((batch) => batch.position),
    ];
    expect(positions.length).toBeGreaterThan(2);
    const { position: later } = await on.loaded();
    positions.push(later);
    positions.forEach((a, i) => {
      positions.forEach((b, j) => {
        const order = on.session.compare(a, b);
        if (a === b) expect(order).toBe(0);
        else if (i < j) expect(order).toBeLessThanOrEqual(0);
        expect(Math.sign(on.session.compare(b, a)) + Math.sign(order)).toBe(0);
      });
    });
    expect(on.session.compare(position, later)).toBeLessThan(0);
  });

  it.each([1, 3])('never gives more than maxBatch = %i changes at a time', async (maxBatch) => {
    const { model, position } = await on.loaded();
    for (let n = 0; n < 10; n++) await on.write(`id-${n}`);
    const batches = await readUntilCaughtUp(on.session, position, { maxBatch });
    expect(Math.max(...batches.map(({ changes }) => changes.length))).toBeLessThanOrEqual(maxBatch);
    for (const batch of batches) model.apply(batch);
    expect(model.versions).toEqual(await on.current());
  });

  it('says when changes happened, if it does', async () => {
    const { position } = await on.loaded();
    const before = Date.now() - 2_000;
    await on.write('now');
    for (const { changes } of await readUntilCaughtUp(on.session, position)) {
      for (const { timestampMs } of changes) {
        if (timestampMs === undefined) continue;
        expect(timestampMs).toBeGreaterThan(before);
        expect(timestampMs).toBeLessThan(Date.now() + 2_000);
      }
    }
  });

  it('ends its changes promptly when the signal aborts: waiting', async () => {
    const { position } = await on.loaded();
    const reader = read(on.session, position);
    await reader.isIdle();
    await reader.stop();
  });

  it('ends its changes promptly when the signal aborts: with more to give, and before the first', async () => {
    const { position } = await on.loaded();
    for (let n = 0; n < 20; n++) await on.write(`id-${n}`);
    const aborted = new AbortController();
    let batches = 0;
    for await (const { changes } of on.session.changes(position, { signal: aborted.signal, maxBatch: 1 })) {
      batches += changes.length;
      if (batches === 2) aborted.abort();
    }
    expect(batches).toBe(2);
    for await (const { changes } of on.session.changes(position, { signal: aborted.signal, maxBatch: 1 })) {
      batches += changes.length;
    }
    expect(batches).toBe(2);
  });

  it('brings changes as they happen to who waits for them', async () => {
    const { position } = await on.loaded();
    const reader = read(on.session, position);
    for (let n = 0; n < 5; n++) {
      await reader.isIdle();
      await on.write('live');
      await until(() => reader.changes.length === n + 1);
    }
    await reader.stop();
  });
}
