import {
  type KafkaClient,
  type KafkaSourceOptions,
  KafkaSource,
  kafkajsClient,
  platformaticClient,
} from '../../src/sources/kafka/index.js';
import { kafkaAt } from '../support/kafka-clients.js';
import { ScriptedKafka } from '../support/kafka-scripted-reader.js';

const client: KafkaClient = new ScriptedKafka();
const remembering = { memory: 5, begin: () => () => [] };

describe('the options of a KafkaSource', () => {
  it.each([
    [{}, 'Expected `client` to be'],
    [{ client: {} }, 'Expected `client` to be kafkajsClient(…)'],
    [{ client }, 'Expected `topic` to be the name of a topic, got undefined'],
    [{ client, topic: 'a b' }, "got 'a b' (string)"],
    [{ client, topic: 'a', decode: 'json' }, 'Expected `decode` to be a function'],
    [
      { client, topic: 'a', decode: null },
      'Expected `decode` to be a function of a message, or what remembers',
    ],
    [{ client, topic: 'a', decode: { begin: () => () => [] } }, 'Expected `decode` to be'],
    [{ client, topic: 'a', decode: { memory: -1, begin: () => () => [] } }, 'Expected `decode` to be'],
    [
      { client, topic: 'a', decode: remembering },
      'Expected `snapshot` to be a function that gives all records',
    ],
    [{ client, topic: 'a', snapshot: 'table' }, "Expected `snapshot` to be 'topic' or a function"],
    [{ client, topic: 'a', deleteRetentionMs: 0 }, 'Expected `deleteRetentionMs` to be'],
    [{ client, topic: 'a', reconnectWithinMs: -1 }, 'Expected `reconnectWithinMs` to be'],
    [{ client, topic: 'a', topicCheckMs: '5' }, 'Expected `topicCheckMs` to be'],
    [{ client, topic: 'a', onWarning: true }, 'Expected `onWarning` to be a function'],
    [{ client, topic: 'a', groupId: 'g' }, 'KafkaSource has no option `groupId`'],
  ])('are refused when they are wrong (%#)', (options, message) => {
    const make = () => new KafkaSource(options as unknown as KafkaSourceOptions<object>);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }));
    expect(make).toThrow(message);
  });

  it('may have what remembers earlier messages as `decode`, where a function gives the records', () => {
    const options = { client, topic: 'a', decode: remembering, snapshot: () => [] };
    expect(() => new KafkaSource(options)).not.toThrow();
  });

  it('name the source after its topic', () => {
    expect(new KafkaSource({ client, topic: 'shop.public.category' }).name).toBe(
      'kafka:shop.public.category',
    );
  });

  it.each([
    [() => kafkajsClient({} as never), 'Expected `kafka` to be an instance of Kafka of kafkajs'],
    [() => kafkajsClient(kafkaAt('x:1'), { groupIdPrefix: '' }), 'Expected `groupIdPrefix` to be a text'],
    [() => kafkajsClient(kafkaAt('x:1'), { group: '' } as never), 'has no option `group`'],
    [() => platformaticClient({} as never), 'Expected `makeConsumer` to be a function'],
  ])('are refused where they are those of a client (%#)', (make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }));
    expect(make).toThrow(message);
  });
});
