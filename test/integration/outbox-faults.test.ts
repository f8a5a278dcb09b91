import type { ChangeBatch, SourceSession } from '../../src/index.js';
import { type ContractRecord, Model, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { OutboxTable } from '../support/outbox-table.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let proxy: TcpProxy;
let items: OutboxTable;
let session: SourceSession<ContractRecord>;
let position: string;
const warnings: string[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  warnings.length = 0;
  proxy = await startTcpProxy(postgres.port);
  items = await OutboxTable.create(postgres);
  await items.run(`insert into $table values ('a', '1'), ('b', '1')`);
  session = await open();
  ({ position } = await snapshotOf(session));
});

afterEach(async () => {
  await items.close();
  await proxy.close();
});
afterAll(() => postgres.stop());

function open(options = {}): Promise<SourceSession<ContractRecord>> {
  return items.open({
    connection: `postgres://postgres@127.0.0.1:${new URL(proxy.url).port}/postgres`,
    onWarning: ({ code }) => warnings.push(code),
    ...options,
  });
}

/** Applies everything, and acknowledges it at once. */
function following(after: string, maxBatch = 100) {
  const model = new Model([]);
  const stopping = new AbortController();
  const batches: ChangeBatch<ContractRecord>[] = [];
  const reading = (async () => {
    for await (const batch of session.changes(after, { signal: stopping.signal, maxBatch })) {
      model.apply(batch);
      batches.push(batch);
      await session.acknowledge(batch.position);
    }
  })();
  reading.catch(() => undefined);
  return {
    model,
    batches,
    reading,
    stop: async () => {
      stopping.abort();
      await reading;
    },
  };
}

describeOnPostgres('a line to an outbox that breaks', () => {
  it('is made anew, and nothing is lost or comes twice', async () => {
    const { model, stop, batches } = following(position);
    for (let n = 2; n < 12; n++) {
      await items.run(`update $table set version = '${n}'`);
      if (n % 2 === 0) proxy.cut();
      if (n % 3 === 0) await until(() => model.versions['a'] === String(n));
    }
    await until(() => model.versions['b'] === '11');
    await stop();
    expect(model.repeated).toEqual([]);
    expect(batches.flatMap(({ changes }) => changes)).toHaveLength(20);
    expect(warnings).toContain('reconnecting');
  });

  it('is made anew inside a large transaction, which goes on where it was', async () => {
    const reader = following(position, 10);
    proxy.cutAfterBytes(100_000, 'server');
    await items.run(`insert into $table select 'id-' || n, n from generate_series(1, 2000) n`);
    await until(() => reader.model.versions['id-2000']);
    await reader.stop();
    const changes = reader.batches.flatMap((batch) => batch.changes);
    expect(warnings).toContain('reconnecting');
    expect(new Set(changes.map((change) => 'id' in change && change.id)).size).toBe(2_000);
    expect(changes).toHaveLength(2_000);
  });

  it('is reported when it cannot be made anew for too long', async () => {
    session = await open({ reconnectWithinMs: 200 });
    const resumed = await session.resume(position);
    const { reading, model } = following((resumed as { from: string }).from);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    proxy.down();
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_SOURCE' }) as Error);
  });
});

describeOnPostgres('a server with an outbox that goes away', () => {
  it('is followed again after a crash, and after an operator has restarted it', async () => {
    const { model, stop } = following(position);
    for (const [n, goesAway] of [() => postgres.kill(), () => postgres.shutDown()].entries()) {
      await items.run(`update $table set version = '${2 * n + 2}'`);
      await until(() => model.versions['a'] === String(2 * n + 2));
      await goesAway();
      await postgres.start();
      await items.run(`update $table set version = '${2 * n + 3}'`);
      await until(() => model.versions['b'] === String(2 * n + 3));
    }
    await stop();
    expect(model.repeated).toEqual([]);
  });

  it('is loaded again when a standby took over, which may lack what was read', async () => {
    const { model, reading, batches } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    await postgres.shutDown();
    await postgres.startAsSuccessor();
    await expect(reading).rejects.toThrow(/server changed|recovery|standby/);
    session = await until(() => open().catch(() => undefined));
    expect(await session.resume(batches.at(-1)!.position)).toMatchObject({ reload: 'source-changed' });
    expect((await snapshotOf(session)).records).toHaveLength(2);
  });
});

describeOnPostgres('a large transaction in an outbox', () => {
  it('of 100,000 rows is read in steps, and is deleted while it is read', async () => {
    await items.run(
      `insert into $table select 'id-' || n, repeat('x', 100) || n from generate_series(1, 100000) n`,
    );
    let rows = 0;
    let longest = 0;
    const stopping = new AbortController();
    for await (const batch of session.changes(position, { signal: stopping.signal, maxBatch: 500 })) {
      rows += batch.changes.length;
      longest = Math.max(longest, batch.position.length);
      await session.acknowledge(batch.position);
      if (rows === 100_000) break;
    }
    stopping.abort();
    expect(longest).toBeLessThan(200);
    await until(async () => (await items.waiting()) === 0);
  }, 60_000);
});
