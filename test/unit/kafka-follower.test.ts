import type { ChangeBatch, SourceSession } from '../../src/index.js';
import { type KafkaSourceOptions, KafkaSource } from '../../src/sources/kafka/index.js';
import { ScriptedKafka, fetched } from '../support/kafka-scripted-reader.js';
import type { KafkaRecord } from '../support/kafka-topic.js';

describe('who follows a topic of Kafka', () => {
  let kafka: ScriptedKafka;
  let session: SourceSession<KafkaRecord>;
  const stop = new AbortController();

  const open = async (options: Partial<KafkaSourceOptions<KafkaRecord>> = {}) => {
    const source = new KafkaSource<KafkaRecord>({ client: kafka, topic: 'records', ...options });
    session = await source.open(stop.signal);
  };
  const offsetsOf = (position: string) => /@(.*)~/.exec(position)?.[1];
  const start = () => `scripted/records/-@0:0,1:0~${Date.now()}`;

  beforeEach(() => {
    kafka = new ScriptedKafka();
  });
  afterEach(() => session.close());

  /** Batches up to the offsets; a position is taken while the first one is in the hands of the reader. */
  const followed = async (maxBatch: number, until: string) => {
    const batches: ChangeBatch<KafkaRecord>[] = [];
    let end: string | undefined;
    for await (const batch of session.changes(start(), { signal: stop.signal, maxBatch })) {
      batches.push(batch);
      end ??= await session.end?.();
      if (offsetsOf(batch.position) === until) break;
    }
    return { batches, end: offsetsOf(end ?? '') };
  };

  it('comes to a position that is taken while it stands at a full batch, and holds nothing from beyond it', async () => {
    await open();
    kafka.ends(2, 1);
    kafka.fetches.push(
      () => [fetched(0, 0, 4, { 0: 'a=1', 1: 'a=2', 2: 'a=3', 3: 'a=4' })],
      () => [fetched(1, 0, 1, { 0: 'b=1' })],
    );
    const { batches, end } = await followed(2, '0:4,1:1');
    expect(end).toBe('0:2,1:1');
    expect(batches.map(({ position }) => offsetsOf(position))).toEqual(['0:2,1:0', '0:2,1:1', '0:4,1:1']);
  });

  it('comes to a position that is taken in the middle of a message, at the end of that message', async () => {
    const two = (id: string) => [
      { op: 'delete', id } as const,
      { op: 'upsert', id: `${id}2`, record: { id: `${id}2`, version: '1' } } as const,
    ];
    await open({ decode: ({ key }) => two(String(key)) });
    kafka.ends(1, 1);
    kafka.fetches.push(
      () => [fetched(0, 0, 3, { 0: 'a', 1: 'b', 2: 'c' })],
      () => [fetched(1, 0, 1, { 0: 'd' })],
    );
    const { batches, end } = await followed(3, '0:3,1:1');
    expect(end).toBe('0:2,1:1');
    expect(batches.map(({ position, complete }) => `${offsetsOf(position)} ${complete}`)).toEqual([
      '0:1,1:0 false',
      '0:2,1:0 true',
      '0:2,1:1 true',
      '0:3,1:1 true',
    ]);
  });
});
