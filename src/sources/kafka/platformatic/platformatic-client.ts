import { optionError } from '../../../errors.js';
import type { KafkaClient } from '../kafka-client.js';
import type { PlatformaticConsumer } from './platformatic-consumer.js';
import { PlatformaticReader } from './platformatic-reader.js';

/**
 * Reads with @platformatic/kafka 1 or 2. The consumers join no group; they are closed when they are not needed any
 * more.
 *
 * @example
 * const consumer = () => new Consumer({ clientId: 'categories', groupId: 'unused', bootstrapBrokers: ['127.0.0.1:9092'] });
 * const source = new KafkaSource<Category>({ client: platformaticClient(consumer), topic: 'category' });
 *
 * @param makeConsumer gives a new consumer each time, with the default deserializers
 * @throws PrefetchError `ERR_PREFETCH_OPTION`
 */
export function platformaticClient(makeConsumer: () => PlatformaticConsumer): KafkaClient {
  if (typeof makeConsumer !== 'function') {
    throw optionError(
      'makeConsumer',
      'a function that gives a new Consumer of @platformatic/kafka',
      makeConsumer,
    );
  }
  return { open: (topic) => new PlatformaticReader(makeConsumer, topic) };
}
