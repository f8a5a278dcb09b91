import type { SourceSession } from '../../src/index.js';
import { type KafkaSourceOptions, KafkaSource } from '../../src/sources/kafka/index.js';
import { KafkaFollower } from '../support/kafka-follower.js';
import { ScriptedKafka, fetched } from '../support/kafka-scripted-reader.js';
import { type KafkaRecord, loaded } from '../support/kafka-topic.js';
import { until } from '../support/until.js';

describe('a session with a topic of Kafka', () => {
  let kafka: ScriptedKafka;
  let session: SourceSession<KafkaRecord>;
  const followers: KafkaFollower[] = [];
  const stop = new AbortController();

  const open = async (options: Partial<KafkaSourceOptions<KafkaRecord>> = {}) => {
    const source = new KafkaSource<KafkaRecord>({
      client: kafka,
      topic: 'records',
      topicCheckMs: 5,
      ...options,
    });
    return (session = await source.open(stop.signal));
  };
  const follow = (after: string, maxBatch?: number) => {
    const follower = new KafkaFollower(session, after, maxBatch);
    followers.push(follower);
    return follower;
  };
  const offsetsOf = (follower: KafkaFollower) =>
    follower.batches.map(({ position }) => /@(.*)~/.exec(position)?.[1]);
  const at = (offsets: string, asOfMs = Date.now()) => `scripted/records/-@${offsets}~${asOfMs}`;

  beforeEach(async () => {
    kafka = new ScriptedKafka();
    kafka.ends(0, 0);
    await open();
  });

  afterEach(async () => {
    await Promise.all(followers.splice(0).map((follower) => follower.stop()));
    await session.close();
  });

  it('comes to a barrier where there is no message at the end, and hands on nothing from behind it before', async () => {
    kafka.ends(3, 4);
    const end = (await session.end?.()) ?? '';
    kafka.ends(9, 4);
    kafka.fetches.push(
      () => [fetched(0, 0, 9, { 0: 'a=1', 5: 'a=2' })],
      () => [fetched(1, 0, 2, { 1: 'b=1' })],
      () => [fetched(1, 2, 4, {})],
    );
    const follower = follow(at('0:0,1:0'));
    await until(() => follower.told.length === 3);
    expect(follower.told).toEqual(['a=1', 'b=1', 'a=2']);
    expect(offsetsOf(follower)).toEqual(['0:3,1:0', '0:3,1:2', '0:3,1:4', '0:9,1:4']);
    expect(follower.batches.some(({ position }) => session.compare(position, end) === 0)).toBe(true);
    expect(kafka.asked.slice(0, 4)).toEqual(['0:0,1:0', '1:0', '1:2', '0:9,1:4']);
  });

  it('goes on behind messages that are none', async () => {
    kafka.ends(8, 0);
    kafka.fetches.push(
      () => [fetched(0, 0, 5, {})],
      () => [fetched(0, 5, 8, { 6: 'a=1' })],
    );
    const follower = follow(at('0:0,1:0'));
    await until(() => follower.told.length === 1);
    expect(offsetsOf(follower)).toEqual(['0:5,1:0', '0:8,1:0']);
    expect(await session.lag(follower.position)).toEqual({ events: 0, ms: 0 });
  });

  it('tries again from the same offsets when reading fails, and warns', async () => {
    const warnings: string[] = [];
    await open({ onWarning: ({ code, message }) => warnings.push(`${code} ${message}`) });
    kafka.ends(1, 1);
    const fail = () => {
      throw new Error('the connection was lost');
    };
    kafka.fetches.push(fail, fail, () => [fetched(0, 0, 1, { 0: 'a=1' }), fetched(1, 0, 1, { 0: 'b=1' })]);
    const follower = follow(at('0:0,1:0'));
    await until(() => follower.told.length === 2);
    expect(new Set(kafka.asked.slice(0, 3))).toEqual(new Set(['0:0,1:0']));
    expect(warnings).toEqual([
      'reconnecting Kafka: reading the topic records failed and is tried again: the connection was lost',
    ]);
  });

  it('is not connected while reading fails, and is again when nothing comes of it', async () => {
    kafka.ends(0, 0);
    let isAway = true;
    const fetch = () => {
      if (!isAway) return [];
      kafka.fetches.push(fetch);
      throw new Error('the connection was lost');
    };
    kafka.fetches.push(fetch);
    expect(session.isConnected).toBe(true);
    follow(at('0:0,1:0'));
    await until(() => session.isConnected === false);
    isAway = false;
    await until(() => session.isConnected === true);
  });

  it('is not connected while nothing is answered', async () => {
    const warnings: string[] = [];
    await open({ reconnectWithinMs: 400, onWarning: ({ message }) => warnings.push(message) });
    let answer: () => void = () => undefined;
    kafka.answering = () => new Promise((resolve) => (answer = resolve));
    const lag = session.lag(at('0:0,1:0'));
    await until(() => session.isConnected === false);
    expect(warnings).toEqual(['Kafka: asking for the topic records has taken 200 ms so far']);
    answer();
    await lag;
    expect(session.isConnected).toBe(true);
  });

  it('goes on when the function that hears of warnings throws', async () => {
    const emitted = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await open({
      onWarning: () => {
        throw new Error('of the application');
      },
    });
    const fail = () => {
      throw new Error('the connection was lost');
    };
    kafka.ends(1, 0);
    kafka.fetches.push(fail, () => [fetched(0, 0, 1, { 0: 'a=1' })]);
    const follower = follow(at('0:0,1:0'));
    await until(() => follower.told.length === 1);
    expect(emitted).toHaveBeenCalledWith(expect.stringContaining('of the application'), expect.any(String));
    emitted.mockRestore();
  });

  it('does not trust a client that reads from elsewhere', async () => {
    kafka.ends(9, 0);
    kafka.fetches.push(() => [fetched(0, 4, 9, { 4: 'a=1' })]);
    const follower = follow(at('0:0,1:0'));
    expect(await follower.failure).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining('elsewhere'),
    });
    expect(follower.told).toEqual([]);
  });

  it('fails when nothing comes though there is more', async () => {
    await open({ reconnectWithinMs: 100 });
    kafka.ends(9, 0);
    const follower = follow(at('0:0,1:0'));
    expect(await follower.failure).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining('nothing has come of partition 0'),
    });
  });

  it('keeps the time of its position current while nothing happens', async () => {
    await open({ deleteRetentionMs: 24 * 20 });
    kafka.ends(5, 5);
    const asOfMs = Date.now() - 100;
    const follower = follow(at('0:5,1:5', asOfMs));
    await until(() => follower.batches.length >= 3);
    const times = follower.batches.map(({ position }) => Number(/~(\d+)$/.exec(position)?.[1]));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(asOfMs);
    expect(follower.changes).toEqual([]);
  });

  it('gives parts of a message as batches that nobody goes on from', async () => {
    const two = (id: string) => [
      { op: 'delete', id } as const,
      { op: 'upsert', id: `${id}2`, record: { id: `${id}2`, version: '1' } } as const,
    ];
    await open({ decode: ({ key }) => two(String(key)) });
    kafka.ends(2, 0);
    kafka.fetches.push(() => [fetched(0, 0, 2, { 0: 'a', 1: 'b' })]);
    const follower = follow(at('0:0,1:0'), 1);
    await until(() => follower.told.length === 4);
    expect(follower.batches.map(({ complete }) => complete)).toEqual([false, true, false, true]);
    expect(offsetsOf(follower)).toEqual(['0:0,1:0', '0:1,1:0', '0:1,1:0', '0:2,1:0']);
  });

  it.each([
    [
      'lost-changes',
      '0:3,1:0',
      [
        { partition: 0, low: 4n, high: 9n },
        { partition: 1, low: 0n, high: 0n },
      ],
    ],
    [
      'lost-changes',
      '0:5',
      [
        { partition: 0, low: 0n, high: 9n },
        { partition: 1, low: 2n, high: 5n },
      ],
    ],
    [
      'source-changed',
      '0:5,1:1',
      [
        { partition: 0, low: 0n, high: 9n },
        { partition: 1, low: 0n, high: 0n },
      ],
    ],
    ['source-changed', '0:5,1:1', [{ partition: 0, low: 0n, high: 9n }]],
  ])('has to be loaded: %s', async (reload, offsets, partitions) => {
    kafka.partitions = partitions;
    const detail = expect.stringMatching(/\w/) as string;
    expect(await session.resume(at(offsets))).toEqual({ reload, detail });
  });

  it('has to be loaded when tombstones may be gone, unless there are none', async () => {
    const old = at('0:0,1:0', Date.now() - 25 * 3_600_000);
    expect(await session.resume(old)).toMatchObject({ reload: 'lost-changes' });
    await open({ deleteRetentionMs: false });
    expect(await session.resume(old)).toEqual({ from: old });
  });

  it('goes on when a partition was added that has its beginning', async () => {
    kafka.ends(5, 5, 2);
    expect(await session.resume(at('0:5,1:5'))).toEqual({ from: expect.any(String) });
    kafka.fetches.push((from) => [fetched(2, Number(from.get(2)), 2, { 0: 'new=1' })]);
    const follower = follow(at('0:5,1:5'));
    await until(() => follower.told.length === 1);
    expect(kafka.asked[0]).toBe('0:5,1:5,2:0');
  });

  it('loads each record once, with the fields that came later, and tells of those it cannot', async () => {
    await open({
      decode: ({ key, value }) => {
        const id = String(key);
        const text = value && JSON.parse(value.toString());
        const { version } = (text ?? {}) as { version?: string };
        if (version === 'bad') throw new Error('it is bad');
        if (version === undefined) return { op: 'delete', id };
        if (version.startsWith('part')) return { op: 'upsert', id, record: { more: version }, partial: true };
        return { op: 'upsert', id, record: { id, version } };
      },
    });
    kafka.ends(12, 0);
    const log = {
      0: 'a=1',
      1: 'b=1',
      2: 'a=2',
      3: 'c=1',
      4: 'b',
      5: 'a=part1',
      7: 'c=bad',
      8: 'd=bad',
      9: 'd=1',
      10: 'e=part',
    };
    const read = () => [fetched(0, 0, 12, log)];
    kafka.fetches.push(read, read);
    const left: (string | undefined)[] = [];
    const snapshot = await session.snapshot(stop.signal, ({ reason }) => left.push(reason));
    const records: KafkaRecord[] = [];
    for await (const page of snapshot.records) records.push(...page);
    expect(records).toEqual([
      { id: 'c', version: '1' },
      { id: 'a', version: '2', more: 'part1' },
      { id: 'd', version: '1' },
    ]);
    expect(left).toEqual(['the message makes no sense: it is bad', 'only some fields of it are known']);
  });

  it('ends a load at a record that it cannot make, where nobody hears of it', async () => {
    kafka.ends(1, 0);
    const read = () => [
      {
        ...fetched(0, 0, 1, { 0: 'a=1' }),
        messages: [{ ...fetched(0, 0, 1, { 0: 'a' }).messages[0]!, value: Buffer.from('[') }],
      },
    ];
    kafka.fetches.push(read, read);
    await expect(loaded(session)).rejects.toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
  });
});
