import { type ContractRecord, Model, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';

const maxBatch = 7;

let postgres: TestPostgres;
let items: OutboxTable;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  items = await OutboxTable.create(postgres, 'id text primary key, version bigint');
  await items.run(`insert into $table select 'i' || i, 0 from generate_series(1, 40) i`);
});

afterEach(() => items.close());
afterAll(() => postgres.stop());

/** Reads all that waits in small batches, and gives what a reader of the cache saw after each. */
async function statesAfter(write: () => Promise<void>): Promise<Record<string, string>[]> {
  const session = await items.open();
  const { records, position } = await snapshotOf(session);
  await write();
  const reader = read(session, position, { maxBatch });
  await reader.isIdle();
  await reader.stop();
  const model = new Model(records);
  const states = reader.batches.map((batch) => {
    model.apply(batch);
    return { ...model.versions };
  });
  expect(states.length).toBeGreaterThan(5);
  expect(model.versions).toEqual(
    new Model((await items.run('select * from $table')) as ContractRecord[]).versions,
  );
  return states;
}

/** Whether no row is ever missing, and none has a version that was there only within a transaction. */
function isWhole(states: readonly Record<string, string>[]): boolean {
  return states.every(
    (versions) =>
      Object.keys(versions).length === 40 && Object.values(versions).every((version) => Number(version) >= 0),
  );
}

describeOnPostgres('what a transaction writes only for the meantime', () => {
  it('is never shown, wherever a batch ends', async () => {
    const states = await statesAfter(async () => {
      for (let round = 1; round <= 10; round++) {
        await items.run(`begin;
          delete from $table where id in ('i${round}', 'i${round + 1}');
          savepoint later;
          insert into $table values ('i${round}', -1), ('i${round + 1}', -1);
          release savepoint later;
          update $table set version = ${round} where version < 0;
          commit`);
      }
    });
    expect(isWhole(states)).toBe(true);
  });

  it('is never shown, however transactions run into one another', async () => {
    const states = await statesAfter(async () => {
      const clients = await Promise.all([1, 2, 3].map(() => postgres.client()));
      for (let round = 1; round <= 10; round++) {
        for (const sql of [
          'begin',
          `delete from ${items.name} where id = $1`,
          `insert into ${items.name} values ($1, -1)`,
          `update ${items.name} set version = ${round} where id = $1`,
          'commit',
        ]) {
          for (const [n, client] of clients.entries()) {
            const id = `i${((n * 10 + round) % 40) + 1}`;
            await client.query(sql, sql.includes('$1') ? [id] : []);
          }
        }
      }
      for (const client of clients) await client.end();
    });
    expect(isWhole(states)).toBe(true);
  });

  it('is shown where a transaction fits into no batch, and then all of it comes, beside the others', async () => {
    const states = await statesAfter(async () => {
      const [long, short] = [await postgres.client(), await postgres.client()];
      await long.query('begin');
      for (let n = 1; n <= 30; n++) {
        await long.query(`update ${items.name} set version = 5 where id = 'i${n}'`);
        await short.query(`update ${items.name} set version = ${n} where id = 'i31'`);
      }
      await long.query('commit');
      await long.end();
      await short.end();
    });
    expect(Object.values(states.at(-1)!).filter((version) => version === '5')).toHaveLength(30);
  });
});
