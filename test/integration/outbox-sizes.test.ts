import { read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

const mostBytes = 8_000_000;

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(() => postgres.stop());

describeOnPostgres('what is read of an outbox at once', () => {
  it('is bounded by its bytes, and all of it comes, also one row that is larger', async () => {
    const items = await OutboxTable.create(postgres);
    const session = await items.open();
    const { position } = await snapshotOf(session);
    const rowBytes = 500_000;
    await items.run(`insert into $table select n, repeat('x', ${rowBytes}) from generate_series(1, 40) n;
      insert into $table values ('large', repeat('x', 9000000)); delete from $table where id = '1'`);
    const reader = read(session, position, { maxBatch: 500 });
    await until(() => reader.changes.length === 42);
    await reader.stop();
    expect(new Set(reader.changes.map((change) => 'id' in change && change.id)).size).toBe(41);
    const bytes = reader.batches.map(({ changes }) => JSON.stringify(changes).length);
    const beside = bytes.filter((of) => of < 9_000_000);
    expect(Math.max(...beside)).toBeLessThan(mostBytes + 2 * rowBytes);
    expect(reader.batches.length).toBeGreaterThan(3);
    await items.close();
  });
});

describeOnPostgres('an outbox with a transaction that stays open while others commit in between', () => {
  it('remembers each of them, gives what it wrote once it has ended, and forgets the gaps', async () => {
    const items = await OutboxTable.create(postgres, undefined, { acknowledgeAfterMs: 60_000 });
    const session = await items.open();
    const { position } = await snapshotOf(session);
    const reader = read(session, position, { maxBatch: 500 });
    const [slow, quick] = [await postgres.client(), await postgres.client()];
    const rows = 1_000;
    await slow.query('begin');
    for (let n = 0; n < rows; n++) {
      await slow.query(`insert into ${items.name} values ('slow-${n}', repeat('x', 20000))`);
      await quick.query(`insert into ${items.name} values ('quick-${n}')`);
    }
    await until(() => reader.changes.length === rows);
    const ranges = () => reader.batches.at(-1)!.position.split(',').length;
    expect(ranges()).toBe(rows);
    await reader.stop();
    await slow.query('commit');
    const after = await items.open();
    const resumed = await after.resume(reader.batches.at(-1)!.position);
    const later = read(after, (resumed as { from: string }).from, { maxBatch: 500 });
    await until(() => later.changes.length === rows);
    await until(() => /:1-\d+$/.test(later.batches.at(-1)!.position));
    await later.stop();
    const told = [...reader.changes, ...later.changes].map((change) => 'id' in change && change.id);
    expect(new Set(told).size).toBe(2 * rows);
    await items.close();
  });
});
