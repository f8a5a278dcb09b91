import { KafkaSource } from '../../src/sources/kafka/index.js';
import { fetched } from '../support/kafka-scripted-reader.js';
import type { KafkaReader } from '../../src/sources/kafka/index.js';

it('measures', async () => {
  const keys = 500_000;
  const value = Buffer.from(JSON.stringify({ name: 'x'.repeat(300), version: '1' }));
  const page = 5_000;
  let peak = 0;
  const reader: KafkaReader = {
    topic: () => Promise.resolve({ clusterId: 'c', topicId: null, partitions: [{ partition: 0, low: 0n, high: BigInt(keys) }] }),
    fetch: (from) => {
      const at = Number(from.get(0));
      const messages = Array.from({ length: page }, (_, i) => ({ topic: 't', partition: 0, offset: BigInt(at + i), key: Buffer.from(`category-${at + i}`), value, headers: new Map(), timestampMs: 1 }));
      peak = Math.max(peak, process.memoryUsage().heapUsed);
      return Promise.resolve([{ ...fetched(0, at, at + page, {}), messages }]);
    },
    close: () => Promise.resolve(),
  };
  const session = await new KafkaSource({ client: { open: () => reader }, topic: 't' }).open(new AbortController().signal);
  const before = process.memoryUsage().heapUsed;
  const t0 = performance.now();
  const snapshot = await session.snapshot(new AbortController().signal);
  let n = 0;
  for await (const p of snapshot.records) n += p.length;
  console.log(n, Math.round(performance.now() - t0), 'ms', Math.round((peak - before) / 1e6), 'MB peak');
}, 60000);
