import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SourceSession, SourceWarning } from '../../src/index.js';
import { type DebeziumRedisSourceOptions, DebeziumRedisSource } from '../../src/sources/debezium/index.js';
import { Clients } from '../support/clients.js';
import { message } from '../support/debezium-messages.js';
import { DebeziumTable } from '../support/debezium-table.js';
import { type Item, item, items } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { Following } from '../support/stream-following.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

type Row = Item & Record<string, unknown>;

describe('a session with Debezium', () => {
  const clients = new Clients();
  const stop = new AbortController();
  let redis: TestRedis;
  let client: TestClient;
  let table: DebeziumTable<Row>;
  let warnings: SourceWarning[];

  beforeAll(async () => {
    redis = await startTestRedis();
    client = await redis.client();
  });

  beforeEach(() => {
    table = new DebeziumTable<Row>(client, `${uniquePrefix('shop')}.public.item`);
    warnings = [];
  });

  afterAll(async () => {
    stop.abort();
    clients.closeAll();
    await redis.stop();
  });

  function open(options: Partial<DebeziumRedisSourceOptions<Item>> = {}): Promise<SourceSession<Item>> {
    const snapshot = () => table.rows;
    return new DebeziumRedisSource<Item>({
      client,
      stream: table.stream,
      snapshot,
      blockMs: 50,
      ...options,
    }).open(stop.signal, (warning) => warnings.push(warning));
  }

  const begin = async (session: SourceSession<Item>) => (await session.snapshot(stop.signal)).position;

  it('is connected while Redis answers, and again when it does, though nothing changes', async () => {
    const proxy = await startTcpProxy(redis.port);
    const session = await open({ client: await clients.connect(proxy.url) });
    const following = new Following(session, await begin(session));
    await table.write(item('a'));
    await following.hasSeen(1);
    expect(session.isConnected).toBe(true);
    proxy.down();
    await until(() => session.isConnected === false);
    proxy.up();
    await until(() => session.isConnected === true);
    expect(following.changes).toHaveLength(1);
    await following.abort();
    await session.close();
    await proxy.close();
  });

  it('knows of rows of a snapshot before it that they belong together with those after it', async () => {
    for (const row of items(9)) table.change(row);
    const told = (snapshot: string) =>
      table.rows.map((row) => message({ id: row.id }, { op: 'r', after: row, snapshot, lsn: 90 }));
    await table.send(...told('true'));
    const session = await open({ orderWindow: 0 });
    const following = new Following(session, await begin(session));
    await table.send(...told('true'));
    await table.write(item('after'));
    await following.hasSeen(10);
    await following.abort();
    await session.close();
  });

  it('keeps none of the rows that it reads to know what was before it', async () => {
    const documents: WeakRef<object>[] = [];
    const alive = () => {
      collectGarbage();
      return documents.filter((document) => document.deref() !== undefined).length;
    };
    let mostAlive = 0;
    const session = await open({
      types: { document: 'json' },
      id: ({ id, document }) => {
        documents.push(new WeakRef(document as object));
        if (documents.length % 500 === 0) mostAlive = Math.max(mostAlive, alive());
        return String(id);
      },
    });
    for (let n = 0; n < 2_000; n++) await table.write({ ...item(`item-${n}`), document: '{"any":"thing"}' });
    const following = new Following(session, await begin(session));
    await until(() => documents.length >= 2_000);
    expect(mostAlive).toBeLessThan(500);
    await table.write({ ...item('item-1', 2), document: '{}' });
    await following.hasSeen(1);
    await following.abort();
    await session.close();
  });

  it('warns when what is told stands before what was told, although it is later', async () => {
    const session = await open();
    const following = new Following(session, await begin(session));
    const at = (lsn: number, timestampMs: number) =>
      message({ id: 'a' }, { op: 'u', after: item('a', timestampMs), lsn, timestampMs });
    await table.send(at(9_000, 1), ...Array.from({ length: 15 }, (_, n) => at(100 + n, 2 + n)));
    await table.write(item('b'));
    await following.hasSeen(2);
    expect(following.changes).toMatchObject([{ id: 'a', record: { version: '1' } }, { id: 'b' }]);
    expect(warnings).toEqual([
      {
        code: 'log-set-back',
        message: expect.stringMatching(/^10 changes were left out .* take a snapshot/),
      },
    ]);
    await following.abort();
    await session.close();
  });
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
