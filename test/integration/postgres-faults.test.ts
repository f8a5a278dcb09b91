import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ChangeBatch, SourceSession } from '../../src/index.js';
import { type ContractRecord, Model, read, snapshotOf } from '../contract/source-reader.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { PostgresTable } from '../support/postgres-table.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let postgres: TestPostgres;
let proxy: TcpProxy;
let items: PostgresTable;
let session: SourceSession<ContractRecord>;
let position: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

beforeEach(async () => {
  proxy = await startTcpProxy(postgres.port);
  items = await PostgresTable.create(postgres);
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
      if (batch.complete) await session.acknowledge(batch.position);
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

/** What is still in use: how much is merely not collected yet says nothing. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

describeOnPostgres('a line that breaks', () => {
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
  });

  it('is made anew inside a large transaction, which goes on where it was', async () => {
    const reader = following(position, 10);
    proxy.cutAfterBytes(60_000, 'server');
    await items.run(`insert into $table select 'id-' || n, n from generate_series(1, 2000) n`);
    await until(() => reader.model.versions['id-2000']);
    await reader.stop();
    const changes = reader.batches.flatMap((batch) => batch.changes);
    expect(proxy.connectionsMade).toBeGreaterThan(5);
    expect(new Set(changes.map((change) => 'id' in change && change.id)).size).toBe(2_000);
    expect(changes).toHaveLength(2_000);
  });

  it('is reported when it cannot be made anew for too long', async () => {
    session = await open({ reconnectWithinMs: 200 });
    const { reading, model } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    proxy.down();
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_SOURCE' }) as Error);
  });

  it('is not said to be connected until there is one again, though nothing has changed', async () => {
    session = await open({ reconnectWithinMs: 60_000 });
    const { stop, model } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    expect(session.isConnected).toBe(true);
    proxy.down();
    await until(() => session.isConnected === false, 5_000);
    proxy.up();
    await until(() => session.isConnected);
    await stop();
    expect(session.isConnected).toBe(true);
  });

  it('of a temporary slot is the end of it', async () => {
    session = await open({ temporary: true });
    const { position: from } = await snapshotOf(session);
    const { reading, model } = following(from);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    proxy.cut();
    await expect(reading).rejects.toThrow(/temporary slot/);
  });
});

describeOnPostgres('a server that goes away', () => {
  it('is followed again after a crash', async () => {
    const { model, stop } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    await postgres.kill();
    await until(() => session.isConnected === false, 5_000);
    await postgres.start();
    await until(() => session.isConnected);
    await items.run(`update $table set version = '3'`);
    await until(() => model.versions['b'] === '3');
    await stop();
    expect(model.repeated).toEqual([]);
  });

  it('is not kept from shutting down', async () => {
    const { model, stop } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    const began = performance.now();
    await postgres.shutDown();
    expect(performance.now() - began).toBeLessThan(5_000);
    await postgres.start();
    await items.run(`update $table set version = '3'`);
    await until(() => model.versions['b'] === '3');
    await stop();
  });

  it('is not kept from shutting down by a reader that applies nothing any more', async () => {
    const stopping = new AbortController();
    const changes = session.changes(position, { signal: stopping.signal, maxBatch: 10 });
    const iterator = changes[Symbol.asyncIterator]();
    await items.run(`update $table set version = '2'`);
    await iterator.next();
    await postgres.shutDown();
    stopping.abort();
    await iterator.return?.();
    await postgres.start();
  }, 60_000);

  it('is followed as its successor, which has everything that was read', async () => {
    const { model, stop, batches } = following(position);
    await items.run(`update $table set version = '2'`);
    await until(() => model.versions['a'] === '2');
    await stop();
    await postgres.shutDown();
    await postgres.startAsSuccessor();
    await items.run(`update $table set version = '3'`);
    session = await open();
    const reached = batches.at(-1)?.position ?? '';
    expect(reached).toContain('@1-');
    const resumed = await session.resume(reached);
    expect(resumed).toHaveProperty('from');
    const later = following((resumed as { from: string }).from);
    await until(() => later.model.versions['a'] === '3');
    await until(async () => (await session.end?.())?.includes('@2-'));
    await later.stop();
  });
});

describeOnPostgres('a large transaction', () => {
  it('comes in parts, each of which is a checkpoint', async () => {
    const reader = read(session, position, { maxBatch: 100 });
    await items.run(`insert into $table select 'id-' || n, n from generate_series(1, 1000) n`);
    await reader.isIdle();
    await reader.stop();
    const parts = reader.batches.filter(({ changes }) => changes.length > 0);
    expect(parts.map(({ complete }) => complete)).toEqual(Array<boolean>(10).fill(true));
    const positions = parts.map((batch) => batch.position);
    expect([...positions].sort((a, b) => session.compare(a, b))).toEqual(positions);
    expect(session.compare(positions[0]!, position)).toBeGreaterThan(0);
  });

  it('can be gone on with from any of its parts', async () => {
    const reader = read(session, position, { maxBatch: 100 });
    await items.run(`insert into $table select 'id-' || n, n from generate_series(1, 1000) n`);
    await reader.isIdle();
    await reader.stop();
    const inside = reader.batches[2]?.position ?? '';
    await session.close();
    session = await open();
    expect(await session.resume(inside)).toEqual({ from: inside });
    const rest = read(session, inside);
    await rest.isIdle();
    await rest.stop();
    expect(rest.changes).toEqual(reader.changes.slice(300));
  });

  it('of 300,000 rows needs no more memory than a small one, however slowly it is applied', async () => {
    await items.run(
      `insert into $table select 'id-' || n, repeat('x', 300) || n from generate_series(1, 300000) n`,
    );
    let rows = 0;
    let most = 0;
    const before = liveBytes();
    const stopping = new AbortController();
    for await (const { changes } of session.changes(position, {
      signal: stopping.signal,
      maxBatch: 500,
    })) {
      rows += changes.length;
      if (rows % 30_000 < 500) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        most = Math.max(most, liveBytes() - before);
      }
      if (rows >= 300_000) break;
    }
    stopping.abort();
    expect(rows).toBe(300_000);
    expect(most).toBeLessThan(50_000_000); // all of it would be several times that
  }, 60_000);

  it('is gone on with after a pause in which the server would have given up a silent reader', async () => {
    await items.run(`alter system set wal_sender_timeout = '2s'`);
    await items.run('select pg_reload_conf()');
    await items.run(
      `insert into $table select 'id-' || n, repeat('x', 300) || n from generate_series(1, 60000) n`,
    );
    const made = proxy.connectionsMade;
    let rows = 0;
    for await (const batch of session.changes(position, {
      signal: new AbortController().signal,
      maxBatch: 500,
    })) {
      if (rows === 0) await new Promise((resolve) => setTimeout(resolve, 5_000));
      rows += batch.changes.length;
      if (rows >= 60_000) break;
    }
    await items.run('alter system reset wal_sender_timeout');
    await items.run('select pg_reload_conf()');
    expect(rows).toBe(60_000);
    expect(proxy.connectionsMade - made).toBeLessThan(4);
  }, 60_000);
});
