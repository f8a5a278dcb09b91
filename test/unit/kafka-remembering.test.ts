import type { SourceSession, SourceWarning } from '../../src/index.js';
import { type KafkaMessage, KafkaSource } from '../../src/sources/kafka/index.js';
import { KafkaFollower } from '../support/kafka-follower.js';
import { ScriptedKafka, fetched } from '../support/kafka-scripted-reader.js';
import type { KafkaRecord } from '../support/kafka-topic.js';
import { until } from '../support/until.js';

describe('a decoder that remembers, in a topic of Kafka', () => {
  let kafka: ScriptedKafka;
  let source: KafkaSource<KafkaRecord>;
  let session: SourceSession<KafkaRecord>;
  let followers: KafkaFollower[];
  let shown: string[][];
  let warnings: SourceWarning[];
  const stop = new AbortController();

  const follow = async (offsets: string) => {
    session = await source.open(stop.signal, (warning) => warnings.push(warning));
    followers.push(new KafkaFollower(session, at(offsets)));
    return followers.at(-1)!;
  };
  const at = (offsets: string) => `scripted/records/-@${offsets}~${Date.now()}`;
  /** Keeps what it is shown; a message `load` needs a load, `warn` gives a warning. */
  const begin = () => {
    const mine: string[] = [];
    shown.push(mine);
    return ({ key, partition }: KafkaMessage) => {
      const id = String(key);
      mine.push(`${partition}:${id}`);
      const changes = [{ op: 'upsert', id, record: { id, version: '1' } } as const];
      if (id === 'warn') return { changes, warning: { code: 'late', message: 'It is late.' } };
      return id === 'load' ? { changes, loadNeeded: 'It began anew.' } : { changes };
    };
  };

  beforeEach(() => {
    [followers, shown, warnings] = [[], [], []];
    kafka = new ScriptedKafka();
    source = new KafkaSource({
      client: kafka,
      topic: 'records',
      decode: { memory: 3, begin },
      snapshot: () => [],
      topicCheckMs: 5,
    });
  });
  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    await session.close();
  });

  it('is shown what lies before the position, and hands on what comes after it', async () => {
    kafka.ends(8, 3);
    kafka.fetches.push(
      () => [fetched(0, 4, 8, { 4: 'load', 5: 'warn', 7: 'c' }), fetched(1, 0, 3, { 0: 'd', 2: 'e' })],
      () => [fetched(0, 7, 8, { 7: 'c' }), fetched(1, 1, 3, { 2: 'e' })],
    );
    const follower = await follow('0:7,1:1');
    await until(() => follower.told.length === 2);
    expect(kafka.asked.slice(0, 2)).toEqual(['0:4,1:0', '0:7,1:1']);
    expect(shown).toEqual([
      ['0:load', '0:warn', '0:c'],
      ['1:d', '1:e'],
    ]);
    expect(follower.told).toEqual(['c=1', 'e=1']);
    expect(warnings).toEqual([]);
  });

  it('is shown no more than is there', async () => {
    kafka.partitions = [{ partition: 0, low: 6n, high: 9n }];
    kafka.fetches.push(
      () => [fetched(0, 6, 9, { 6: 'a' })],
      () => [fetched(0, 7, 9, { 8: 'b' })],
    );
    const follower = await follow('0:7');
    await until(() => follower.told.length === 1);
    expect(kafka.asked.slice(0, 2)).toEqual(['0:6', '0:7']);
    expect(shown).toEqual([['0:a', '0:b']]);
  });

  it('ends who follows before the message that needs a load, and the next one has to load', async () => {
    kafka.ends(4, 0);
    kafka.fetches.push(() => [fetched(0, 0, 4, { 0: 'a', 2: 'load', 3: 'b' })]);
    const follower = await follow('0:0,1:0');
    expect(await follower.failure).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message:
        'Changes are missing in the topic records. It began anew. That is the message 2 in partition 0 of the topic records.',
    });
    expect(follower.told).toEqual(['a=1']);
    expect(follower.position).toContain('@0:1,1:0~');
    const next = await source.open(stop.signal);
    expect(await next.resume(at('0:2,1:0'))).toEqual({
      reload: 'source-changed',
      detail: 'It began anew. That is the message 2 in partition 0 of the topic records.',
    });
    expect(await next.resume(at('0:3,1:0'))).toHaveProperty('from');
    await next.close();
  });

  it('is not asked for a load in another topic of the name', async () => {
    kafka.ends(4);
    kafka.fetches.push(() => [fetched(0, 0, 4, { 2: 'load' })]);
    const follower = await follow('0:0');
    await follower.failure;
    kafka.ends(0);
    expect(await session.resume(at('0:1'))).toMatchObject({ reload: 'source-changed' });
    kafka.ends(1);
    expect(await session.resume(at('0:1'))).toHaveProperty('from');
  });

  it('warns', async () => {
    kafka.ends(1);
    kafka.fetches.push(() => [fetched(0, 0, 1, { 0: 'warn' })]);
    const follower = await follow('0:0');
    await until(() => follower.told.length === 1);
    expect(warnings).toEqual([{ code: 'late', message: 'It is late.' }]);
  });
});
