import { type DebeziumRedisSourceOptions, DebeziumRedisSource } from '../../src/sources/debezium/index.js';
import { DebeziumTable, type SinkFormat } from '../support/debezium-table.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type SourceHarness, describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

async function followedTable(
  format: SinkFormat,
  options: Partial<DebeziumRedisSourceOptions<ContractRecord>> = {},
  forgets = false,
): Promise<SourceHarness> {
  const client = await redis.client();
  const table = new DebeziumTable<ContractRecord>(client, `${uniquePrefix('shop')}.public.record`, format);
  const snapshot = () => table.rows;
  return {
    source: new DebeziumRedisSource({ client, stream: table.stream, snapshot, blockMs: 50, ...options }),
    forgets,
    write: (record) => table.write(record),
    remove: (id) => table.remove(id),
    truncate: () => table.truncate(),
    contents: () => table.rows,
    close: () => {
      client.destroy();
    },
  };
}

describeSource('debezium, compact', () => followedTable('compact'));

describeSource('debezium, extended, with a window of one entry', () =>
  followedTable('extended', { orderWindow: 1 }, true),
);

describeSource('debezium, flattened', () => followedTable('flattened', { trim: false }));

describeSource('debezium, Redis Data Integration', () =>
  followedTable('data-integration', { format: 'data-integration', keyColumns: ['id'] }, true),
);

describeSource('debezium, loaded from the stream', async () => {
  const client = await redis.client();
  const table = new DebeziumTable<ContractRecord>(client, `${uniquePrefix('shop')}.public.record`);
  let isBegun = false;
  return {
    source: new DebeziumRedisSource<ContractRecord>({ client, stream: table.stream, blockMs: 50 }),
    forgets: false,
    write: async (record) => {
      if (isBegun) return table.write(record);
      isBegun = true;
      table.change(record);
      return table.takeSnapshot();
    },
    remove: (id) => table.remove(id),
    truncate: () => table.truncate(),
    contents: () => table.rows,
    close: () => {
      client.destroy();
    },
  };
});
