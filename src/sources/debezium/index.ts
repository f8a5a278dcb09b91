export type { SnapshotContext, SnapshotResult } from '../loading/snapshot-function.js';
export type { ColumnType } from './column-types.js';
export { DebeziumRedisSource } from './debezium-redis-source.js';
export {
  type DebeziumMessages,
  type DebeziumMessagesOptions,
  type DebeziumReader,
  type DebeziumReading,
  debeziumMessages,
} from './debezium-messages.js';
export type { DebeziumDecodeOptions, MappedRecord } from './decode-options.js';
export {
  type DebeziumDecoder,
  type DebeziumEvent,
  debeziumDecoder,
  decodeDebezium,
} from './decode-debezium.js';
export type { MessagePart, Row } from './message.js';
export type { DebeziumRedisSourceOptions, StreamFormat } from './options.js';
export { type SourcePosition, comparePositions } from './source-position.js';
