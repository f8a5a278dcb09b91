import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeBatch, SourceSession } from '../../src/index.js';
import { type ContractRecord, Model, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { startWriters } from '../support/outbox-writers.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

const writers = 8;

let postgres: TestPostgres;
let items: OutboxTable;

beforeAll(async () => {
  postgres = await startTestPostgres({
    synchronous_commit: 'off',
    deadlock_timeout: '5ms',
    wal_writer_delay: '10ms',
  });
});

beforeEach(async () => {
  items = await OutboxTable.create(postgres, 'id text primary key, version bigint');
});

afterEach(() => items.close());
afterAll(() => postgres.stop());

async function contents(): Promise<Record<string, string>> {
  return new Model((await items.run('select * from $table')) as ContractRecord[]).versions;
}

/** Reads for a while, and stops without a word. */
async function readFor(
  session: SourceSession<ContractRecord>,
  after: string,
  ms: number,
  onBatch: (batch: ChangeBatch<ContractRecord>) => unknown,
): Promise<string> {
  let position = after;
  const signal = AbortSignal.timeout(ms);
  for await (const batch of session.changes(after, { signal, maxBatch: 7 })) {
    await onBatch(batch);
    position = batch.position;
  }
  return position;
}

async function resumed(session: SourceSession<ContractRecord>, position: string): Promise<string> {
  const answer = await session.resume(position);
  expect(answer).toEqual({ from: expect.any(String) });
  return (answer as { from: string }).from;
}

describeOnPostgres('an outbox with a slow transaction', () => {
  it('waits for it however many others end meanwhile, and for the one that began right before them', async () => {
    const [slow, quick] = [await postgres.client(), await postgres.client()];
    const session = await items.open({ acknowledgeAfterMs: 60_000 });
    const { position } = await snapshotOf(session);
    const reader = read(session, position);
    await quick.query('begin; select pg_current_xact_id()');
    await slow.query(`begin; insert into ${items.name} values ('slow', 1)`);
    await quick.query(`insert into ${items.name} values ('quick', 1); commit`);
    await until(() => reader.changes.length === 1);
    for (let n = 0; n < 5; n++) {
      await items.run(`insert into $table values ('other-${n}', 1)`);
      await until(() => reader.changes.length === n + 2);
    }
    const reached = reader.batches.at(-1)!.position;
    await slow.query('commit');
    await until(() => reader.changes.length === 7);
    expect(reader.changes.at(-1)).toMatchObject({ id: 'slow' });
    await reader.stop();
    await session.close();

    const later = await items.open();
    const again = read(later, await resumed(later, reached));
    await until(() => again.changes.length === 1);
    await again.stop();
    expect(again.changes).toMatchObject([{ id: 'slow' }]);
    await Promise.all([slow.end(), quick.end()]);
  });

  it('does not write down what was rolled back for ever', async () => {
    const session = await items.open({ acknowledgeAfterMs: 60_000 });
    const { position } = await snapshotOf(session);
    const reader = read(session, position);
    for (let n = 0; n < 30; n++) {
      await items.run(`insert into $table values ('gone', 1), ('gone', 1)`).catch(() => undefined);
      await items.run(`begin; insert into $table values ('gone-${n}', 1); rollback`);
      await items.run(`insert into $table values ('a-${n}', 1)`);
    }
    await until(() => reader.changes.length === 30);
    await until(() => /:1-\d+$/.test(reader.batches.at(-1)!.position));
    await reader.stop();
  });
});

describeOnPostgres(`the outbox with ${writers} writers at once`, () => {
  it('loses nothing, gives nothing twice, and lets no record go back', async () => {
    const writing = await startWriters(postgres, items, writers);
    const session = await items.open({ acknowledgeAfterMs: 20 });
    const { records, position } = await snapshotOf(session);
    const model = new Model(records);
    const reached = await readFor(session, position, 2_500, async (batch) => {
      model.apply(batch);
      await session.acknowledge(batch.position);
    });
    expect(await writing.stop()).toBeGreaterThan(300);
    const last = await model.follow(session, reached);
    expect(model.versions).toEqual(await contents());
    expect(model.repeated).toEqual([]);
    await session.acknowledge(last);
    await until(async () => (await items.waiting()) === 0);
  });

  it('goes on from wherever it was when its process ended, though it has deleted some and not all', async () => {
    const writing = await startWriters(postgres, items, writers);
    let session = await items.open({ acknowledgeAfterMs: 30 });
    const snapshot = await snapshotOf(session);
    const model = new Model(snapshot.records);
    let position = snapshot.position;
    for (let crash = 0; crash < 8; crash++) {
      position = await readFor(session, position, 100 + 25 * crash, async (batch) => {
        model.apply(batch);
        await session.acknowledge(batch.position);
      });
      await session.close();
      session = await items.open({ acknowledgeAfterMs: 30 });
      position = await resumed(session, position);
    }
    await writing.stop();
    await model.follow(session, position);
    expect(model.versions).toEqual(await contents());
    expect(model.repeated).toEqual([]);
  });

  it('can be gone on with from any position that was not acknowledged', async () => {
    const writing = await startWriters(postgres, items, writers);
    const session = await items.open({ acknowledgeAfterMs: 60_000 });
    const { records, position } = await snapshotOf(session);
    let known: readonly ContractRecord[] = records;
    const places = [{ position, known }];
    await readFor(session, position, 1_000, (batch) => {
      const model = new Model(known);
      model.apply(batch);
      known = Object.entries(model.versions).map(([id, version]) => ({ id, version }));
      places.push({ position: batch.position, known });
    });
    await writing.stop();
    await session.close();
    const expected = await contents();
    expect(places.length).toBeGreaterThan(10);
    for (let n = 0; n < places.length; n += Math.ceil(places.length / 12)) {
      const place = places[n]!;
      const later = await items.open({ acknowledgeAfterMs: 60_000 });
      const model = new Model(place.known);
      await model.follow(later, await resumed(later, place.position));
      expect(model.versions).toEqual(expected);
      expect(model.repeated).toEqual([]);
      await later.close();
    }
  });

  it('takes snapshots that are exact for who follows in the same session', async () => {
    const writing = await startWriters(postgres, items, writers);
    const session = await items.open({ acknowledgeAfterMs: 20 });
    const { position } = await snapshotOf(session);
    const reader = read(session, position, { maxBatch: 7 });
    const snapshots: { position: string; model: Model }[] = [];
    for (let n = 0; n < 10; n++) {
      await pause(50);
      const snapshot = await snapshotOf(session);
      snapshots.push({ position: snapshot.position, model: new Model(snapshot.records) });
    }
    await writing.stop();
    await reader.isIdle();
    await until(() => session.compare(reader.batches.at(-1)!.position, snapshots.at(-1)!.position) >= 0);
    await reader.stop();
    const expected = await contents();
    for (const { position: taken, model } of snapshots) {
      const later = reader.batches.filter((batch) => session.compare(batch.position, taken) > 0);
      expect(reader.batches.length - later.length).toBeGreaterThan(0);
      for (const batch of later) model.apply(batch);
      expect(model.versions).toEqual(expected);
      expect(model.repeated).toEqual([]);
    }
  });
});
