export { PrefetchCache } from './cache/prefetch-cache.js';
export type { PrefetchCacheOptions } from './cache/prefetch-cache.js';
export type { Lookup, LookupMany, LookupOptions } from './cache/lookups.js';
export type { BulkLoadOptions } from './cache/bulk-load.js';
export type { LoadProgress, LoadReport } from './cache/load-report.js';
export type { ApplyReport, Change, Refusal } from './cache/change.js';
export type { Dataset } from './cache/dataset.js';
export type { LoadNote } from './cache/load-note.js';
export type { CacheStats } from './cache/lookup-stats.js';
export type { JournalEntry, JournalPage, Cause } from './cache/journal.js';
export type { Explanation, RecordChange } from './cache/explanation.js';
export type { ChangeCounts, DeadLetter, LettersAsked } from './cache/dead-letters.js';
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
export type { ReconcileReport } from './sync/reconciliation.js';
export type { ReloadReport } from './sync/reload.js';
export type {
  ChangeBatch,
  ChangeSource,
  ChangesOptions,
  InvalidRow,
  ReloadReason,
  Snapshot,
  SourceLag,
  SourceSession,
  SourceWarning,
} from './sync/source.js';
export { SyncOperator } from './sync/sync-operator.js';
export type {
  AnswerOptions,
  DatasetStatus,
  DeadLetters,
  ReconcileOptions,
  ReloadOptions,
} from './sync/sync-operator.js';
export type { CommandArguments } from './sync/commands.js';
export type { RowProgress } from './sync/row-load.js';
export { SyncWorker } from './sync/sync-worker.js';
export type { SyncStatus } from './sync/sync-status.js';
export type { SyncWorkerOptions } from './sync/sync-worker.js';
export type { ReconcileSchedule, StartOptions, WorkerOptions } from './sync/worker-settings.js';
