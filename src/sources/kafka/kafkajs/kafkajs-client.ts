import { optionError } from '../../../errors.js';
import { refuseUnknownOptions } from '../../../options.js';
import type { KafkaClient } from '../kafka-client.js';
import type { Kafkajs } from './kafkajs.js';
import { KafkajsReader } from './kafkajs-reader.js';

export interface KafkajsClientOptions {
  /**
   * With what the ids of consumer groups begin: kafkajs reads in a group only, so each reader gets one of its own.
   * @default 'prefetch-cache'
   */
  readonly groupIdPrefix?: string | undefined;
}

/**
 * Reads with kafkajs 2. No offset is ever committed, and no group is shared with anybody.
 *
 * @example
 * const kafka = new Kafka({ clientId: 'categories', brokers: ['127.0.0.1:9092'], logLevel: logLevel.ERROR });
 * const source = new KafkaSource<Category>({ client: kafkajsClient(kafka), topic: 'category' });
 *
 * @throws PrefetchError `ERR_PREFETCH_OPTION`
 */
export function kafkajsClient(kafka: Kafkajs, options: KafkajsClientOptions = {}): KafkaClient {
  refuseUnknownOptions('kafkajsClient', options, ['groupIdPrefix']);
  const { groupIdPrefix = 'prefetch-cache' } = options;
  const given = kafka as Partial<Kafkajs> | null | undefined;
  if (typeof given?.admin !== 'function' || typeof given.consumer !== 'function') {
    throw optionError('kafka', 'an instance of Kafka of kafkajs', kafka);
  }
  if (typeof groupIdPrefix !== 'string' || groupIdPrefix === '') {
    throw optionError('groupIdPrefix', 'a text', groupIdPrefix);
  }
  return { open: (topic) => new KafkajsReader(kafka, topic, groupIdPrefix) };
}
