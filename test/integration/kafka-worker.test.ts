import { type Producer, Kafka, Partitioners, logLevel } from 'kafkajs';
import { settlesWithin } from '../../src/settling.js';
import { debeziumDecoder, debeziumMessages } from '../../src/sources/debezium/index.js';
import { type KafkaSourceOptions, KafkaSource, kafkajsClient } from '../../src/sources/kafka/index.js';
import { message, tombstone } from '../support/debezium-messages.js';
import { type Item, item, versionsIn, versionsOf } from '../support/item.js';
import { type TestBroker, describeWithKcat, startTestBroker } from '../support/kafka-broker.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

describeWithKcat('a worker on the mock broker of kcat', () => {
  let redis: TestRedis;
  let broker: TestBroker;
  let world: SyncWorld;
  let kafka: Kafka;
  let producer: Producer;
  let topic: string;
  const items = new Map<string, Item>();

  beforeAll(async () => {
    [redis, broker] = await Promise.all([startTestRedis({ private: true }), startTestBroker()]);
    const brokers = () => [broker.address];
    kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 4 } });
    producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
  });

  beforeEach(async () => {
    world = await SyncWorld.open(redis);
    topic = uniquePrefix('items').replaceAll(':', '-');
    items.clear();
  });

  afterEach(() => world.close());
  afterAll(async () => {
    await producer.disconnect();
    await Promise.all([redis.stop(), broker.stop()]);
  });

  const send = (messages: { key: string | null; value: string | null }[]) =>
    producer.send({ topic, messages });
  const write = (...written: Item[]) => {
    for (const each of written) items.set(each.id, each);
    return send(written.map((each) => ({ key: each.id, value: JSON.stringify(each) })));
  };
  const remove = (id: string) => {
    items.delete(id);
    return send([{ key: id, value: null }]);
  };
  const source = (options: Partial<KafkaSourceOptions<Item>> = {}) =>
    new KafkaSource<Item>({ client: kafkajsClient(kafka), topic, topicCheckMs: 500, ...options });
  const isCurrent = async () =>
    JSON.stringify(await versionsIn(world.cache)) === JSON.stringify(versionsOf(items.values()));
  const many = (count: number, version: number) =>
    Array.from({ length: count }, (_, n) => item(`id-${n}`, version));

  it('loads a topic of four partitions, follows it, and goes on where it stood', async () => {
    await write(...many(500, 1), ...many(100, 2));
    await remove('id-7');
    const first = await world.started(source());
    expect(await isCurrent()).toBe(true);
    expect(await world.checkpoint()).toMatch(/^mockCluster\w+\/items-.*\/-@0:\d+,1:\d+,2:\d+,3:\d+~\d+$/);
    await write(...many(50, 3));
    await remove('id-8');
    await until(isCurrent);
    await until(async () => (await first.lag())?.events === 0);
    await first.stop();
    await write(...many(20, 4));
    await remove('id-9');
    const second = await world.started(source());
    await until(isCurrent);
    expect(second.status().lastLoad).toBeNull();
    expect((await second.reload()).removed).toBe(0);
    const { missing, orphaned, different } = await second.reconcile();
    expect({ missing, orphaned, different }).toEqual({ missing: 0, orphaned: 0, different: 0 });
    expect(await isCurrent()).toBe(true);
  });

  it('understands what Debezium writes, and keeps what makes no sense', async () => {
    const debezium = debeziumDecoder<Item>();
    const decode: KafkaSourceOptions<Item>['decode'] = ({ key, value }) => debezium(key, value).changes;
    const [a, b, c] = [item('a'), item('b'), item('c')];
    const read = (after: Item, version = '1') =>
      message({ id: after.id }, { op: 'u', after: { ...after, version } });
    await send([read(a), read(b), read(c)]);
    const worker = await world.started(source({ decode }));
    expect(await versionsIn(world.cache)).toEqual({ a: '1', b: '1', c: '1' });
    await send([read(a, '2'), message({ id: 'b' }, { op: 'd', before: b }), tombstone({ id: 'b' })]);
    await send([{ key: 'x', value: '{"half":' }]);
    await until(async () => JSON.stringify(await versionsIn(world.cache)) === '{"a":"2","c":"1"}');
    await until(() => worker.status().deadLetters === 1);
    const { loaded, refused, refusals } = await worker.reload();
    expect({ loaded, refused }).toEqual({ loaded: 2, refused: 1 });
    expect(refusals[0]?.reason).toContain('the message makes no sense');
  });

  it('leaves out what Debezium tells late, and loads when it begins a snapshot', async () => {
    const row = (id: string, version: string, lsn: number, op: 'c' | 'r' = 'c', snapshot = 'false') =>
      message({ id }, { op, after: { ...item(id), version }, lsn, snapshot });
    const rows = new Map(['a', 'b'].map((id) => [id, item(id)]));
    const debezium = { decode: debeziumMessages<Item>(), snapshot: () => rows.values() };
    await send([row('a', '1', 100), row('b', '1', 110)]);
    const first = await world.started(source(debezium));
    await send([row('a', '3', 130), row('a', '2', 120), row('c', '1', 140)]);
    await until(async () => JSON.stringify(await versionsIn(world.cache)) === '{"a":"3","b":"1","c":"1"}');
    await first.stop();
    await send([row('a', '2', 120), row('c', '2', 150)]);
    const second = await world.started(source(debezium));
    await until(async () => JSON.stringify(await versionsIn(world.cache)) === '{"a":"3","b":"1","c":"2"}');
    expect(second.status().lastLoad).toBeNull();
    rows.delete('b'); // while Debezium is away
    rows.set('a', item('a', 4)).set('c', item('c', 2));
    await send([row('a', '4', 200, 'r', 'first'), row('c', '2', 200, 'r', 'last')]);
    await until(async () => JSON.stringify(await versionsIn(world.cache)) === '{"a":"4","c":"2"}');
    expect(String(world.told('worker-error')[0]?.error)).toContain('Debezium begins a snapshot');
  });

  it('loads from a function, and compares with it', async () => {
    await write(item('old'));
    const worker = await world.started(source({ snapshot: () => items.values() }));
    await write(item('a', 1), item('b', 1));
    await until(isCurrent);
    await world.client.del(world.cache.dataset.keys.record('a'));
    const report = await worker.reconcile({ repair: true });
    expect(report).toMatchObject({ missing: 1, repaired: 1, orphaned: 0 });
  });

  it('goes on after the broker was silent', async () => {
    await write(...many(40, 1));
    const worker = await world.started(source());
    broker.freeze();
    const written = write(...many(20, 2));
    const lag = worker.lag();
    expect(await settlesWithin(lag, 500)).toBe(false);
    broker.thaw();
    expect((await lag)?.events).toBeGreaterThanOrEqual(0);
    await written;
    await until(isCurrent);
    expect(world.told('worker-error')).toEqual([]);
  });

  it('loads anew when there is another cluster in the place of the one that it followed', async () => {
    await write(...many(40, 1));
    const worker = await world.started(source({ reconnectWithinMs: 5_000 }), { maxShrink: 1 });
    await broker.stop();
    broker = await startTestBroker();
    items.clear();
    await producer.disconnect();
    await producer.connect();
    await write(...many(10, 2));
    await until(isCurrent, 25_000);
    expect(worker.status().lastLoad).toMatchObject({ loaded: 10, removed: 30 });
  });
});
