import {
  type RedisStreamSourceOptions,
  type StreamChange,
  RedisStreamSource,
  publishChange,
} from '../../src/sources/redis-stream/index.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type SourceHarness, describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(() => redis.stop());

/** An application that keeps its records in a Map and publishes each change after it has made it. */
async function publishingApp(
  options: Partial<RedisStreamSourceOptions<ContractRecord>>,
  knowsItsPosition = false,
): Promise<SourceHarness> {
  const client = await redis.client();
  const stream = `${uniquePrefix('changes')}:feed`;
  const records = new Map<string, ContractRecord>();
  let position = '';
  const contents = () => [...records.values()];
  const publish = async (change: StreamChange<ContractRecord>, commit: () => void) => {
    if (!knowsItsPosition) commit();
    position = await publishChange(client, stream, change);
    if (knowsItsPosition) commit();
  };
  return {
    source: new RedisStreamSource({
      client,
      stream,
      snapshot: () => (knowsItsPosition ? { records: contents(), position } : contents()),
      blockMs: 50,
      ...options,
    }),
    forgets: options.trim !== false,
    write: (record) => publish({ op: 'upsert', id: record.id, record }, () => records.set(record.id, record)),
    remove: (id) => publish({ op: 'delete', id }, () => records.delete(id)),
    truncate: () =>
      publish({ op: 'truncate' }, () => {
        records.clear();
      }),
    contents,
    close: () => {
      client.destroy();
    },
  };
}

describeSource('redis-stream', () => publishingApp({}));

describeSource('redis-stream that others read too', () => publishingApp({ trim: false }));

describeSource('redis-stream of a primary that knows its position', () => publishingApp({}, true));
