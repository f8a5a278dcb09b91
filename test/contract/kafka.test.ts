import { type KafkaClient, KafkaSource } from '../../src/sources/kafka/index.js';
import { kafkaClients } from '../support/kafka-clients.js';
import { KafkaLogBroker } from '../support/kafka-log-broker.js';
import { type SourceHarness, describeSource } from './source-contract.js';
import type { ContractRecord } from './source-reader.js';

let broker: KafkaLogBroker;
let topics = 0;

beforeAll(async () => {
  broker = await KafkaLogBroker.start();
});

afterAll(() => broker.shutDown());

/** An application that keeps its records in a Map and tells of each change after it has made it. */
async function producingApp(
  partitions: number,
  connect: (address: string) => Promise<KafkaClient>,
  isFunction = false,
): Promise<SourceHarness> {
  const topic = `records-${topics++}`;
  broker.create(topic, partitions);
  const records = new Map<string, ContractRecord>();
  const contents = () => [...records.values()];
  const remove = (id: string) => {
    if (records.delete(id)) broker.produce(topic, id, null);
  };
  return {
    source: new KafkaSource<ContractRecord>({
      client: await connect(broker.address),
      topic,
      ...(isFunction && { snapshot: contents }),
    }),
    forgets: false,
    write: (record) => {
      records.set(record.id, record);
      broker.produce(topic, record.id, JSON.stringify(record));
    },
    remove,
    // Kafka has no such message.
    truncate: () => {
      for (const id of records.keys()) remove(id);
    },
    contents,
    close: () => undefined,
  };
}

for (const [name, connect] of Object.entries(kafkaClients)) {
  describeSource(`kafka, ${name}, one partition`, () => producingApp(1, connect));
  describeSource(`kafka, ${name}, four partitions`, () => producingApp(4, connect));
  describeSource(`kafka, ${name}, a snapshot function`, () => producingApp(3, connect, true));
}
