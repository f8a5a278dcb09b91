import type { ChangeSource, SourceSession } from '../../src/index.js';
import { until } from '../support/until.js';
import {
  type ContractRecord,
  Model,
  isCaughtUp,
  read,
  readUntilCaughtUp,
  snapshotOf,
} from './source-reader.js';

/** A source under test, and the primary behind it. */
export interface SourceHarness {
  readonly source: ChangeSource<ContractRecord>;
  /** True when acknowledging a position makes the source forget what came before. */
  readonly forgets: boolean;
  /** Adds or replaces the record in the primary. */
  write(record: ContractRecord): unknown;
  remove(id: string): unknown;
  truncate(): unknown;
  /** All records of the primary now. */
  contents(): Promise<readonly ContractRecord[]> | readonly ContractRecord[];
  close(): unknown;
}

/** What every source must do, whatever is behind it. */
export function describeSource(
  name: string,
  makeHarness: () => Promise<SourceHarness> | SourceHarness,
): void {
  describe(`the source ${name}`, () => {
    let harness: SourceHarness;
    let session: SourceSession<ContractRecord>;
    let version = 0;
    const stop = new AbortController();

    const open = () => harness.source.open(stop.signal);
    const write = (id: string) => harness.write({ id, version: String(++version) });
    const loaded = async () => {
      const snapshot = await snapshotOf(session);
      return { model: new Model(snapshot.records), position: snapshot.position };
    };
    const current = async () => new Model(await harness.contents()).versions;

    beforeEach(async () => {
      harness = await makeHarness();
      for (let n = 0; n < 25; n++) await write(`id-${n}`);
      session = await open();
    });

    afterEach(async () => {
      await session.close();
      await harness.close();
    });

    afterAll(() => {
      stop.abort();
    });

    it('has a name', () => {
      expect(harness.source.name).toMatch(/^\S+$/);
    });

    it('has to be loaded when there is no checkpoint', async () => {
      expect(await session.resume(null)).toEqual({
        reload: 'no-checkpoint',
        detail: expect.stringMatching(/\w/),
      });
    });

    it.each(['nonsense', '', '0', '-1', '{}', '../../x', '0/0', 'x'.repeat(10_000)])(
      'has to be loaded when the checkpoint is not one of its positions (%#)',
      async (position) => {
        const resumed = await session.resume(position);
        expect(resumed).toMatchObject({ reload: expect.stringMatching(/^unknown-position$|^lost-changes$/) });
        expect(resumed).toHaveProperty('detail', expect.stringMatching(/\w/));
      },
    );

    it('gives all records of the primary as a snapshot, each once', async () => {
      const { records } = await snapshotOf(session);
      expect(records).toHaveLength(25);
      expect(new Model(records).versions).toEqual(await current());
    });

    it('gives an empty snapshot of an empty primary, and then the first record', async () => {
      await harness.truncate();
      const { model, position } = await loaded();
      expect(model.versions).toEqual({});
      await write('first');
      await model.follow(session, position);
      expect(model.versions).toEqual(await current());
    });

    it('gives a snapshot and the changes after it that make the present state, while others write', async () => {
      for (let round = 0; round < 5; round++) {
        const snapshot = await session.snapshot(stop.signal);
        const model = new Model([]);
        for await (const page of snapshot.records) {
          model.load(page);
          await write(`id-${round}`);
          await write(`new-${version}`);
          await harness.remove(`id-${20 + round}`);
        }
        await snapshot.close();
        await write('last');
        await model.follow(session, snapshot.position);
        expect(model.versions).toEqual(await current());
        if (snapshot.exact) expect(model.repeated).toEqual([]);
      }
    });

    it('gives an exact snapshot as of its position, however writes fall between asking and reading', async () => {
      const asking = session.snapshot(stop.signal);
      for (let n = 0; n < 25; n++) {
        await write(`id-${n}`);
        if (n % 5 === 0) await harness.remove(`id-${n + 1}`);
      }
      const snapshot = await asking;
      for (let n = 0; n < 25; n++) await write(`id-${n}`);
      const model = new Model([]);
      for await (const page of snapshot.records) model.load(page);
      await snapshot.close();
      await model.follow(session, snapshot.position);
      expect(model.versions).toEqual(await current());
      if (snapshot.exact) expect(model.repeated).toEqual([]);
    });

    it('lets a snapshot be closed before its end, and twice', async () => {
      const snapshot = await session.snapshot(stop.signal);
      await snapshot.records[Symbol.asyncIterator]().next();
      await snapshot.close();
      await snapshot.close();
      expect((await snapshotOf(session)).records).toHaveLength(25);
    });

    it('keeps the order of the changes to a record, and gives every one of them', async () => {
      const { position } = await loaded();
      const written: Record<string, string[]> = { a: [], b: [], c: [] };
      const writer = async (id: string) => {
        for (let n = 0; n < 40; n++) {
          await write(id);
          written[id]?.push(String(version));
          if (n % 10 === 9) await harness.remove(id);
        }
      };
      // One after the other in each step: the version must be known to be this writer's.
      for (const id of ['a', 'b', 'c']) await writer(id);
      const seen: Record<string, string[]> = { a: [], b: [], c: [] };
      let removals = 0;
      for (const { changes } of await readUntilCaughtUp(session, position)) {
        for (const change of changes) {
          if (change.op === 'upsert') seen[change.id]?.push(change.record.version ?? '');
          if (change.op === 'delete') removals++;
        }
      }
      expect(seen).toEqual(written);
      expect(removals).toBe(12);
    });

    it('tells of a truncation where it happened', async () => {
      const { model, position } = await loaded();
      await write('before');
      await harness.truncate();
      await write('after');
      await model.follow(session, position);
      expect(Object.keys(model.versions)).toEqual(['after']);
    });

    it('has positions that compare in the order of what they stand for', async () => {
      const { position } = await loaded();
      for (let n = 0; n < 12; n++) await write(`id-${n}`);
      const batches = await readUntilCaughtUp(session, position, { maxBatch: 1 });
      const positions = [
        position,
        ...batches.filter(({ complete }) => complete).map((batch) => batch.position),
      ];
      expect(positions.length).toBeGreaterThan(2);
      const { position: later } = await loaded();
      positions.push(later);
      positions.forEach((a, i) => {
        positions.forEach((b, j) => {
          const order = session.compare(a, b);
          if (a === b) expect(order).toBe(0);
          else if (i < j) expect(order).toBeLessThanOrEqual(0);
          expect(Math.sign(session.compare(b, a)) + Math.sign(order)).toBe(0);
        });
      });
      expect(session.compare(position, later)).toBeLessThan(0);
    });

    it.each([1, 3])('never gives more than maxBatch = %i changes at a time', async (maxBatch) => {
      const { model, position } = await loaded();
      for (let n = 0; n < 10; n++) await write(`id-${n}`);
      const batches = await readUntilCaughtUp(session, position, { maxBatch });
      expect(Math.max(...batches.map(({ changes }) => changes.length))).toBeLessThanOrEqual(maxBatch);
      for (const batch of batches) model.apply(batch);
      expect(model.versions).toEqual(await current());
    });

    it('says when changes happened, if it does', async () => {
      const { position } = await loaded();
      const before = Date.now() - 2_000;
      await write('now');
      for (const { changes } of await readUntilCaughtUp(session, position)) {
        for (const { timestampMs } of changes) {
          if (timestampMs === undefined) continue;
          expect(timestampMs).toBeGreaterThan(before);
          expect(timestampMs).toBeLessThan(Date.now() + 2_000);
        }
      }
    });

    it('ends its changes promptly when the signal aborts: waiting', async () => {
      const { position } = await loaded();
      const reader = read(session, position);
      await reader.isIdle();
      await reader.stop();
    });

    it('ends its changes promptly when the signal aborts: with more to give, and before the first', async () => {
      const { position } = await loaded();
      for (let n = 0; n < 20; n++) await write(`id-${n}`);
      const aborted = new AbortController();
      let batches = 0;
      for await (const { changes } of session.changes(position, { signal: aborted.signal, maxBatch: 1 })) {
        batches += changes.length;
        if (batches === 2) aborted.abort();
      }
      expect(batches).toBe(2);
      const late = session.changes(position, { signal: aborted.signal, maxBatch: 1 })[Symbol.asyncIterator]();
      expect(await late.next()).toMatchObject({ done: true });
    });

    it('brings changes as they happen to who waits for them', async () => {
      const { position } = await loaded();
      const reader = read(session, position);
      for (let n = 0; n < 5; n++) {
        await reader.isIdle();
        await write('live');
        await until(() => reader.changes.length === n + 1);
      }
      await reader.stop();
    });

    it('resumes at a position that was acknowledged, with all that came after it', async () => {
      const { model, position } = await loaded();
      await write('a');
      const batches = await readUntilCaughtUp(session, position);
      for (const batch of batches) model.apply(batch);
      const reached = batches.at(-1)!.position;
      await session.acknowledge(reached);
      await session.close();
      await write('b');
      await harness.remove('id-3');

      session = await open();
      const resumed = await session.resume(reached);
      expect(resumed).toEqual({ from: expect.any(String) });
      await model.follow(session, (resumed as { from: string }).from);
      expect(model.versions).toEqual(await current());
    });

    it('resumes where a snapshot stood that was never acknowledged', async () => {
      const { model, position } = await loaded();
      await session.close();
      await write('b');
      session = await open();
      const resumed = await session.resume(position);
      expect(resumed).toEqual({ from: expect.any(String) });
      await model.follow(session, (resumed as { from: string }).from);
      expect(model.versions).toEqual(await current());
    });

    it('does not pretend to know what it has forgotten', async () => {
      const { model, position } = await loaded();
      for (let n = 0; n < 10; n++) await write(`id-${n}`);
      const batches = await readUntilCaughtUp(session, position, { maxBatch: 1 });
      await session.acknowledge(batches.at(-1)!.position);
      const resumed = await session.resume(position);
      if (harness.forgets) {
        expect(resumed).toMatchObject({ reload: 'lost-changes', detail: expect.stringMatching(/\w/) });
      } else {
        expect(resumed).toHaveProperty('from');
        await model.follow(session, position);
        expect(model.versions).toEqual(await current());
      }
    });

    it('may be acknowledged the same or an earlier position again', async () => {
      const { model, position } = await loaded();
      for (let n = 0; n < 5; n++) await write(`id-${n}`);
      const batches = await readUntilCaughtUp(session, position, { maxBatch: 1 });
      for (const batch of batches) model.apply(batch);
      const complete = batches.filter((batch) => batch.complete).map((batch) => batch.position);
      for (const reached of [complete.at(-1)!, complete.at(-1)!, complete[0]!])
        await session.acknowledge(reached);
      await write('more');
      await model.follow(session, complete.at(-1)!);
      expect(model.versions).toEqual(await current());
    });

    it('gives two sessions at once the same changes, though one of them acknowledges', async () => {
      const other = await open();
      try {
        const { model, position } = await loaded();
        const second = await snapshotOf(other);
        const otherModel = new Model(second.records);
        for (let n = 0; n < 10; n++) await write(`id-${n}`);
        const reached = await model.follow(session, position);
        await session.acknowledge(reached);
        await otherModel.follow(other, second.position);
        expect(otherModel.versions).toEqual(await current());
        expect(model.versions).toEqual(otherModel.versions);
      } finally {
        await other.close();
      }
    });

    it('tells how far behind a position is', async () => {
      const { position } = await loaded();
      for (let n = 0; n < 3; n++) await write(`id-${n}`);
      await until(async () => !isCaughtUp(await session.lag(position)));
      for (const value of Object.values(await session.lag(position))) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(value)).toBe(true);
      }
      const reached = (await readUntilCaughtUp(session, position)).at(-1)!.position;
      expect(isCaughtUp(await session.lag(reached))).toBe(true);
    });

    it('may be closed twice', async () => {
      await session.close();
      await session.close();
    });
  });
}
