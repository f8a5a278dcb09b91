import type { InvalidRow, SourceSession } from '../../src/index.js';
import { type Fetched, type KafkaSourceOptions, KafkaSource } from '../../src/sources/kafka/index.js';
import { ScriptedKafka, fetched } from '../support/kafka-scripted-reader.js';
import type { KafkaRecord } from '../support/kafka-topic.js';

describe('the records that a topic of Kafka holds', () => {
  let kafka: ScriptedKafka;
  let session: SourceSession<KafkaRecord>;
  let left: InvalidRow[];
  const stop = new AbortController();

  const open = async (options: Partial<KafkaSourceOptions<KafkaRecord>> = {}) => {
    const source = new KafkaSource<KafkaRecord>({ client: kafka, topic: 'records', ...options });
    session = await source.open(stop.signal);
  };
  const records = async () => {
    const snapshot = await session.snapshot(stop.signal, (row) => left.push(row));
    const found: string[] = [];
    for await (const page of snapshot.records)
      found.push(...page.map(({ id, version }) => `${id}=${version}`));
    await snapshot.close();
    return found;
  };
  const inBothReadings = (...parts: Fetched[]) => {
    for (const reading of [1, 2]) for (const part of parts) kafka.fetches.push(() => (reading ? [part] : []));
  };

  beforeEach(() => {
    kafka = new ScriptedKafka();
    left = [];
    return open();
  });
  afterEach(() => session.close());

  describe('where a key is in two partitions', () => {
    const [older, newer] = [1_000, 2_000];
    const orders = [
      ['that is read first', 0],
      ['that is read last', 1],
    ] as const;

    it.each(orders)('are the newer ones by the time of the messages, of the partition %s', async (__, at) => {
      kafka.ends(2, 2);
      const times = at === 0 ? [newer, older] : [older, newer];
      inBothReadings(
        ...[0, 1].map((p) => fetched(p, 0, 2, { 0: `k=from ${p}`, 1: `other-${p}=1` }, times[p])),
      );
      expect((await records()).sort()).toEqual([`k=from ${at}`, 'other-0=1', 'other-1=1']);
    });

    it.each(orders)('are without one that was deleted later, in the partition %s', async (__, at) => {
      kafka.ends(1, 1);
      const parts = [fetched(at, 0, 1, { 0: 'k' }, newer), fetched(1 - at, 0, 1, { 0: 'k=1' }, older)];
      inBothReadings(...(at === 0 ? parts : parts.reverse()));
      expect(await records()).toEqual([]);
    });

    it('go on in the order of a partition, whatever the times in it are', async () => {
      kafka.ends(3, 0);
      inBothReadings(
        fetched(0, 0, 1, { 0: 'k=1' }, newer),
        fetched(0, 1, 3, { 1: 'k=2', 2: 'gone=1' }, older),
      );
      expect(await records()).toEqual(['k=2', 'gone=1']);
    });
  });

  describe('when a message is compacted away between the two readings', () => {
    const log = { 0: 'k=1', 1: 'other=1' };
    const without = { 1: 'other=1' };

    it('have the newer message of the record, which is why it was', async () => {
      kafka.ends(2, 1);
      kafka.fetches.push(
        () => [fetched(0, 0, 2, log), fetched(1, 0, 1, { 0: 'b=1' })],
        () => [fetched(0, 0, 2, without), fetched(1, 0, 1, { 0: 'b=1' })],
        () => [fetched(0, 2, 5, { 3: 'k=2', 4: 'k=3' })],
      );
      const reading = records();
      kafka.ends(5, 9);
      expect(await reading).toEqual(['other=1', 'b=1', 'k=2']);
      expect(kafka.asked.at(-1)).toBe('0:2');
      expect(left).toEqual([]);
    });

    it('are without it where it was deleted', async () => {
      kafka.ends(2);
      kafka.fetches.push(
        () => [fetched(0, 0, 2, log)],
        () => [fetched(0, 0, 2, without)],
        () => [fetched(0, 2, 4, { 3: 'k' })],
      );
      const reading = records();
      kafka.ends(4);
      expect(await reading).toEqual(['other=1']);
      expect(left).toEqual([]);
    });

    it('name it as one that is not known when nothing of it comes', async () => {
      kafka.ends(2);
      kafka.fetches.push(
        () => [fetched(0, 0, 2, log)],
        () => [fetched(0, 0, 2, without)],
        () => [fetched(0, 2, 4, { 3: 'more=1' })],
      );
      const reading = records();
      kafka.ends(4);
      expect(await reading).toEqual(['other=1']);
      expect(left).toEqual([
        {
          id: 'k',
          raw: { topic: 'records', partition: 0, offset: '0' },
          reason: 'its message was removed while the topic was read',
        },
      ]);
    });

    it('name it as one that is not known when only some fields of it come', async () => {
      await open({
        decode: ({ key, value }) => {
          const [id, record] = [String(key), JSON.parse(String(value)) as KafkaRecord];
          return record.version.startsWith('part')
            ? { op: 'upsert', id, record: { more: record.version }, partial: true }
            : { op: 'upsert', id, record };
        },
      });
      kafka.ends(2);
      kafka.fetches.push(
        () => [fetched(0, 0, 2, log)],
        () => [fetched(0, 0, 2, without)],
        () => [fetched(0, 2, 3, { 2: 'k=part' })],
      );
      const reading = records();
      kafka.ends(3);
      expect(await reading).toEqual(['other=1']);
      expect(left).toMatchObject([{ id: 'k', reason: 'only some fields of it are known' }]);
    });
  });

  it('leave out each message without a key that makes no sense', async () => {
    kafka.ends(2);
    const part = fetched(0, 0, 2, { 0: 'k=1', 1: 'k=2' });
    inBothReadings({ ...part, messages: part.messages.map((message) => ({ ...message, key: null })) });
    expect(await records()).toEqual([]);
    expect(left.map(({ reason }) => reason)).toEqual([
      'the message makes no sense: there is no key',
      'the message makes no sense: there is no key',
    ]);
  });
});
