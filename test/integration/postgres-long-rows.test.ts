import type { SourceSession } from '../../src/index.js';
import { type ContractRecord, readUntilCaughtUp, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';

let postgres: TestPostgres;
let items: PostgresTable;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
beforeEach(async () => {
  items = await PostgresTable.create(postgres);
});
afterEach(() => items.close());
afterAll(() => postgres.stop());

/** The letters of the longest page of a load, and the rows of all. */
async function loadOf(session: SourceSession<ContractRecord>): Promise<{ most: number; rows: number[] }> {
  const snapshot = await session.snapshot(new AbortController().signal);
  const rows: number[] = [];
  let most = 0;
  for await (const page of snapshot.records) {
    rows.push(page.length);
    most = Math.max(most, lettersIn(page));
  }
  await snapshot.close();
  return { most, rows };
}

function lettersIn(records: readonly ContractRecord[]): number {
  return records.reduce((sum, { version }) => sum + version.length, 0);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, next) => total + next, 0);

describeOnPostgres('rows of 400 kB', () => {
  const rows = `select n, repeat('x', 400000) from generate_series(1, 60) n`;

  it('come in batches that a worker can hold, also in the middle of a transaction', async () => {
    const session = await items.open();
    const { position } = await snapshotOf(session);
    await items.run(`insert into $table values ('a', '1'); begin; insert into $table ${rows}; commit`);
    const batches = await readUntilCaughtUp(session, position, { maxBatch: 500 });
    const records = batches.map(({ changes }) =>
      changes.flatMap((change) => (change.op === 'upsert' ? [change.record as ContractRecord] : [])),
    );
    expect(sum(records.map(({ length }) => length))).toBe(61);
    expect(Math.max(...records.map(lettersIn))).toBeLessThanOrEqual(8_000_000);
    // and any of them can be gone on with
    const inside = batches.find(({ changes }) => changes.length > 1)?.position ?? '';
    const rest = await readUntilCaughtUp(session, inside, { maxBatch: 500 });
    const read = batches.findIndex((batch) => batch.position === inside);
    expect(sum(rest.map(({ changes }) => changes.length))).toBe(
      61 - sum(records.slice(0, read + 1).map(({ length }) => length)),
    );
  });

  it('come in small pages of a load', async () => {
    await items.run(`insert into $table ${rows}`);
    const { most, rows: pages } = await loadOf(await items.open());
    expect(sum(pages)).toBe(60);
    expect(most).toBeLessThanOrEqual(4_000_000);
  });
});

describeOnPostgres('short rows', () => {
  it('come in large pages of a load', async () => {
    await items.run(`insert into $table select n, '1' from generate_series(1, 5000) n`);
    const { rows } = await loadOf(await items.open());
    expect(rows).toEqual([10, 100, 1_000, 1_000, 1_000, 1_000, 890]);
  });
});

describeOnPostgres('a load that takes long', () => {
  it('is not ended by the limits that the role has for others', async () => {
    await items.run(`create role patient login superuser replication;
      alter role patient set transaction_timeout = '300ms'; alter role patient set idle_session_timeout = '300ms';
      insert into $table select n, '1' from generate_series(1, 5000) n`);
    const session = await items.open({ connection: postgres.url.replace('postgres@', 'patient@') });
    const snapshot = await session.snapshot(new AbortController().signal);
    await postgres.run('select pg_sleep(0.5)');
    let rows = 0;
    for await (const page of snapshot.records) rows += page.length;
    await snapshot.close();
    expect(rows).toBe(5_000);
  });

  it('says why it was ended', async () => {
    await items.run(`insert into $table select n, '1' from generate_series(1, 5000) n`);
    const session = await items.open();
    const snapshot = await session.snapshot(new AbortController().signal);
    const reading = (async () => {
      for await (const page of snapshot.records) {
        if (page.length !== 1_000) continue;
        await postgres.run(
          `select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'`,
        );
        await postgres.run(`select pg_sleep(0.3)`);
      }
    })();
    await expect(reading).rejects.toThrow(/terminating connection due to administrator command/);
    await snapshot.close();
  });
});
