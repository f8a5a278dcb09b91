import type { KafkaMessage } from '../../src/sources/kafka/index.js';
import { kafkaClients } from '../support/kafka-clients.js';
import { type KafkaRecord, KafkaTopic, loaded, upsert } from '../support/kafka-topic.js';
import { until } from '../support/until.js';

describe.each(Object.entries(kafkaClients))('a topic of Kafka, read with %s', (client, connect) => {
  let topic: KafkaTopic;

  const created = async (partitions = 1) => (topic = await KafkaTopic.create(connect, partitions));
  afterEach(() => topic.close());

  it('is loaded from what compaction left, and followed over its gaps', async () => {
    const { broker, name } = await created(3);
    for (let n = 0; n < 60; n++) topic.write(`id-${n % 7}`, n);
    broker.produce(name, 'id-3', null);
    for (const partition of [0, 1, 2]) topic.log(partition).compact();
    const session = await topic.open();
    const { records, position } = await loaded(session);
    expect(records).toEqual(['id-0=56', 'id-1=57', 'id-2=58', 'id-4=53', 'id-5=54', 'id-6=55']);
    for (let n = 0; n < 30; n++) topic.write(`id-${n % 2}`, n);
    for (const partition of [0, 1, 2]) topic.log(partition).compact();
    topic.write('id-0', 'last');
    const follower = topic.follow(session, position);
    await until(() => follower.told.includes('id-0=last'));
    expect(follower.told).toHaveLength(3);
    expect(await session.lag(follower.position)).toEqual({ events: 0, ms: 0 });
  });

  it('is loaded whole when it is compacted while it is read', async () => {
    await created();
    const log = topic.log();
    for (const id of ['a', 'b']) log.append([upsert(id, 1)]);
    let isCompacted = false;
    const decode = ({ key, value }: KafkaMessage) => {
      if (String(key) === 'b' && !isCompacted) {
        log.append([upsert('a', 2)]);
        log.compact();
        isCompacted = true;
      }
      return { op: 'upsert', id: String(key), record: JSON.parse(String(value)) as KafkaRecord } as const;
    };
    const session = await topic.open({ decode });
    const { records, position } = await loaded(session);
    expect(records).toEqual(['a=2', 'b=1']);
    const follower = topic.follow(session, position);
    await until(() => follower.told.length === 1);
    expect(follower.told).toEqual(['a=2']);
  });

  it('comes to its end where that is the mark of a transaction', async () => {
    await created();
    topic.log().append([upsert('a', 1)], 7);
    topic.log().endTransaction(7, true);
    const session = await topic.open();
    const { records, position } = await loaded(session);
    expect(records).toEqual(['a=1']);
    const follower = topic.follow(session, position);
    topic.log().append([upsert('b', 1), upsert('c', 1)], 7);
    topic.log().endTransaction(7, true);
    const end = await session.end?.();
    await until(() => follower.position !== '' && session.compare(follower.position, end ?? '') === 0);
    topic.log().append([upsert('d', 1)], 7);
    topic.log().endTransaction(7, false);
    await until(async () => (await session.lag(follower.position)).events === 0);
    expect(follower.told).toEqual(['b=1', 'c=1']);
  });

  it('tells nothing of transactions that were aborted or are open', async () => {
    await created();
    const log = topic.log();
    for (const version of [1, 2, 3]) {
      log.append([upsert('a', `aborted-${version}`)], 7);
      log.endTransaction(7, false);
    }
    log.append([upsert('b', 1)], 8);
    log.append([upsert('a', 'open')], 7);
    log.append([upsert('c', 1)]);
    log.endTransaction(8, true);
    const session = await topic.open();
    const { records, position } = await loaded(session);
    expect(records).toEqual(['b=1']);
    const follower = topic.follow(session, position);
    await until(async () => (await session.lag(position)).events === 0);
    log.endTransaction(7, false);
    log.append([upsert('d', 1)]);
    await until(() => follower.told.includes('d=1'));
    expect(follower.told).toEqual(['c=1', 'd=1']);
  });

  it('tells nothing of aborted transactions of two producers that overlap', async () => {
    await created();
    const log = topic.log();
    log.append([upsert('a', 'of 7')], 7);
    log.append([upsert('b', 'of 8')], 8);
    log.endTransaction(8, false);
    log.endTransaction(7, false);
    log.append([upsert('c', 1)]);
    const session = await topic.open();
    const { records, position } = await loaded(session);
    expect(records).toEqual(['c=1']);
    const follower = topic.follow(session, position.replace(/@.*~/, '@0:0~'));
    await until(() => follower.told.includes('c=1'));
    expect(follower.told).toEqual(['c=1']);
  });

  it('tells nothing of aborted transactions of which some come later', async () => {
    await created();
    const log = topic.log();
    const large = 'x'.repeat(300_000);
    for (let n = 0; n < 5; n++) {
      log.append([upsert('a', `${n}${large}`)], 7);
      log.append([upsert('b', `${n}${large}`)], 8);
      if (n % 2 === 0) log.append([upsert('c', n)]);
      log.endTransaction(8, false);
      log.endTransaction(7, false);
    }
    const session = await topic.open();
    expect((await loaded(session)).records).toEqual(['c=4']);
    const follower = topic.follow(session, (await session.end?.())?.replace(/@.*~/, '@0:0~') ?? '');
    await until(() => follower.told.includes('c=4'));
    expect(follower.told).toEqual(['c=0', 'c=2', 'c=4']);
  });

  it('is read on exactly where it was when the group has to join anew', async () => {
    const { broker } = await created(4);
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position, 7);
    const joinsBefore = broker.joins;
    for (let n = 0; n < 400; n++) {
      topic.write(`id-${n % 11}`, n);
      if (n % 80 === 0) broker.endSessions();
      if (n % 40 === 0) await until(() => follower.told.length >= n / 2);
    }
    await until(() => follower.told.length >= 400);
    if (client === 'kafkajs') expect(broker.joins - joinsBefore).toBeGreaterThanOrEqual(3);
    for (let id = 0; id < 11; id++) {
      const versions = follower.told
        .filter((text) => text.startsWith(`id-${id}=`))
        .map((text) => text.split('=')[1]);
      expect(versions).toEqual(
        Array.from({ length: Math.ceil((400 - id) / 11) }, (__, i) => String(i * 11 + id)),
      );
    }
  });

  it('is loaded again while it is followed, and no batch straddles where', async () => {
    await created(4);
    for (let n = 0; n < 100; n++) topic.write(`id-${n}`, 0);
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position, 1_000);
    const current = new Map(Array.from({ length: 100 }, (__, n) => [`id-${n}`, '0']));
    for (let round = 1; round <= 5; round++) {
      for (let n = 0; n < 200; n++) {
        topic.write(`id-${(n * 7) % 100}`, `${round}-${n}`);
        current.set(`id-${(n * 7) % 100}`, `${round}-${n}`);
      }
      const expected = [...current].map(([id, version]) => `${id}=${version}`).sort();
      const again = await loaded(session);
      expect(again.records).toEqual(expected);
      const offsets = (text: string) => text.replace(/~\d+$/, '');
      await until(() =>
        follower.batches.some((batch) => offsets(batch.position) === offsets(again.position)),
      );
    }
    expect(follower.told).toHaveLength(1_000);
  });

  it('is followed into a partition that is added, from its beginning', async () => {
    const { broker, name } = await created(2);
    topic.write('a', 1);
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    await until(() => follower.batches.length >= 0);
    broker.addPartition(name);
    topic.log(2).append([upsert('new', 1), upsert('new', 2)]);
    await until(() => follower.told.length === 2);
    expect(follower.told).toEqual(['new=1', 'new=2']);
    await until(async () => (await session.lag(follower.position)).events === 0);
    expect(follower.position).toMatch(/@0:\d+,1:\d+,2:2~/);
  });

  it('cannot be followed when its beginning is removed before it was read', async () => {
    await created();
    for (let n = 0; n < 10; n++) topic.log().append([upsert('a', n)]);
    const session = await topic.open();
    const { position } = await loaded(session);
    for (let n = 0; n < 10; n++) topic.log().append([upsert('a', n)]);
    topic.log().removeBefore(15);
    const follower = topic.follow(session, position);
    expect(await follower.failure).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringContaining('everything before offset 15 was removed, and 10 comes next'),
    });
    expect(follower.told).toEqual([]);
    expect(await session.resume(position)).toMatchObject({ reload: 'lost-changes' });
  });

  it('cannot be followed when its beginning is removed while it is read', async () => {
    await created();
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    topic.log().append([upsert('a', 1)]);
    await until(() => follower.told.length === 1);
    topic.log().append(Array.from({ length: 10 }, (__, n) => upsert('b', n)));
    await until(() => follower.told.length === 11);
    topic.log().removeBefore(11);
    topic.log().append([upsert('c', 1)]);
    await until(() => follower.told.length === 12);
    expect(await session.resume(position)).toMatchObject({ reload: 'lost-changes' });
    expect(await session.resume(follower.position)).toHaveProperty('from');
  });

  it('is another one when it was made anew', async () => {
    const { broker, name } = await created(2);
    for (let n = 0; n < 10; n++) topic.write(`id-${n}`, n);
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    await until(async () => (await session.lag(position)).events === 0);
    broker.create(name, 2);
    topic.write('other', 1);
    expect(await follower.failure).toMatchObject({ code: 'ERR_PREFETCH_SOURCE' });
    const later = await topic.open();
    expect(await later.resume(position)).toMatchObject({
      reload: 'source-changed',
      detail: expect.any(String),
    });
    broker.create(name, 1);
    expect(await later.resume(position)).toMatchObject({ reload: 'source-changed' });
    broker.clusterId = 'other';
    expect(await (await topic.open()).resume(position)).toMatchObject({ reload: 'source-changed' });
  });

  it('is followed further when the broker was away for a moment', async () => {
    const { broker } = await created(2);
    const session = await topic.open();
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    topic.write('a', 1);
    await until(() => follower.told.length === 1);
    await broker.shutDown();
    topic.write('a', 2);
    await until(() => topic.warnings.length > 0);
    expect(session.isConnected).toBe(false);
    await broker.listen();
    await until(() => session.isConnected === true, 20_000);
    topic.write('b', 1);
    await until(() => follower.told.length === 3, 20_000);
    expect(follower.told.sort()).toEqual(['a=1', 'a=2', 'b=1']);
  });

  it('is not taken for current while the broker answers nothing', async () => {
    const { broker } = await created(2);
    const session = await topic.open({ topicCheckMs: 60_000, reconnectWithinMs: 6_000 });
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    topic.write('a', 1);
    await until(() => follower.told.length === 1);
    broker.freeze();
    await until(() => session.isConnected === false, 10_000);
    broker.thaw();
    await until(() => session.isConnected === true, 10_000);
    topic.write('a', 2);
    await until(() => follower.told.length === 2);
  });

  it('fails when the broker stays away, and says so', async () => {
    const { broker } = await created();
    const session = await topic.open({ reconnectWithinMs: 1_000 });
    const { position } = await loaded(session);
    const follower = topic.follow(session, position);
    await broker.shutDown();
    await until(() => follower.isOver, 8_000);
    expect(await follower.failure).toMatchObject({
      code: 'ERR_PREFETCH_SOURCE',
      message: expect.stringMatching(/^Kafka: .* the topic records/),
    });
    const before = performance.now();
    await session.close();
    expect(performance.now() - before).toBeLessThan(6_000);
  });
});
