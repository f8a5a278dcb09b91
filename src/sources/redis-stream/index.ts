export type { SnapshotContext, SnapshotResult } from '../loading/snapshot-function.js';
export { encodeChange, type StreamChange } from './change-entry.js';
export type { RedisStreamSourceOptions } from './options.js';
export { publishChange } from './publish-change.js';
export { RedisStreamSource } from './redis-stream-source.js';
