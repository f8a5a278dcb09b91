export type { DecodeFunction, Decoded, Reading, RememberingDecoder } from './decode.js';
export type {
  Fetched,
  KafkaClient,
  KafkaMessage,
  KafkaReader,
  Offsets,
  PartitionState,
  TopicState,
} from './kafka-client.js';
export { KafkaSource } from './kafka-source.js';
export { type KafkajsClientOptions, kafkajsClient } from './kafkajs/kafkajs-client.js';
export type { Kafkajs, KafkajsAdmin, KafkajsBatch, KafkajsConsumer } from './kafkajs/kafkajs.js';
export type { KafkaSourceOptions } from './options.js';
export { platformaticClient } from './platformatic/platformatic-client.js';
export type { PlatformaticConsumer } from './platformatic/platformatic-consumer.js';
export type { RecordsContext, RecordsFunction } from './records-snapshot.js';
