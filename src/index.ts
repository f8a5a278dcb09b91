export { PrefetchCache } from './cache/prefetch-cache.js';
export type { Lookup, LookupMany, LookupOptions, PrefetchCacheOptions } from './cache/prefetch-cache.js';
export type { BulkLoadOptions } from './cache/bulk-load.js';
export type { LoadProgress, LoadReport } from './cache/load-report.js';
export type { ApplyReport, Change, Refusal } from './cache/change.js';
export type { Dataset } from './cache/dataset.js';
export type { LoadNote } from './cache/load-note.js';
export type { CacheStats } from './cache/lookup-stats.js';
export { SyncRepository } from './cache/sync-repository.js';
export type { ApplyContext, PreparedChanges } from './cache/prepared-changes.js';
export { PrefetchError, errorCodes } from './errors.js';
export type { PrefetchErrorCode } from './errors.js';
export { subscribe } from './events.js';
export type { LookupOutcome, PrefetchEvent, WorkerState } from './events.js';
export type { CommonLookupOptions, Otherwise, PrefetchLookup } from './express/lookup-options.js';
export type {} from './express/prefetched.js'; // req.prefetch
export { prefetchLookup } from './express/prefetch-lookup.js';
export type { PrefetchLookupOptions } from './express/prefetch-lookup.js';
export { prefetchLookupMany } from './express/prefetch-lookup-many.js';
export type { Prefetched, PrefetchLookupManyOptions } from './express/prefetch-lookup-many.js';
export { sendProblem } from './express/problem.js';
export type { Problem } from './express/problem.js';
export type { RedisClient, RedisCommand } from './redis/client.js';
export type { DocumentStorage } from './redis/documents.js';
export type { ReloadReport } from './sync/reload.js';
export type {
  ChangeBatch,
  ChangeSource,
  ChangesOptions,
  ReloadReason,
  Snapshot,
  SourceLag,
  SourceSession,
} from './sync/source.js';
export { SyncWorker } from './sync/sync-worker.js';
export type { StartOptions, SyncStatus, SyncWorkerOptions } from './sync/sync-worker.js';
