export type Outcome = 'hit' | 'miss' | 'not-loaded' | 'unavailable';
export type Layout = 'JSON' | 'HASH';
export type PrimaryKind = 'memory' | 'postgres';
export type WorkerState =
  'idle' | 'starting' | 'standby' | 'following' | 'retrying' | 'paused' | 'failed' | 'stopped';

export interface Category {
  id: string;
  name: string;
  display_order: number | string;
  featured: boolean | string;
  parent_id: string;
}

export type CategoryField = Exclude<keyof Category, 'id'>;

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  outcome?: Outcome;
  /** What does not answer, when it is not Redis. */
  part?: 'primary';
}

export interface DatasetState {
  cacheIds: string[];
  primaryIds: string[];
  missing: string[];
  orphaned: string[];
  cacheCount: number;
  primaryCount: number;
  missingCount: number;
  orphanedCount: number;
  truncated: boolean;
  layout: Layout;
  ttlSeconds: number;
  loaded?: boolean;
}

export interface PrimaryPage {
  records: Category[];
  count: number;
}

export interface Entry {
  record: Category;
  ttlSeconds: number | null;
  redisLatencyMs: number;
}

export interface Stats {
  hits: number;
  misses: number;
  notLoaded: number;
  unavailable: number;
  hitRatePct: number;
  prefetched: number;
  syncEventsApplied: number;
  syncLagMsAvg: number;
  syncLagMsMax: number;
  primaryReads: number;
  workerState: WorkerState;
  workers: { name: string; state: WorkerState }[];
  loading: LoadProgress | null;
  deadLetters: number;
}

export interface LoadProgress {
  loaded: number;
  refused: number;
  total?: number;
}

export interface Freshness {
  stalenessMs: number | null;
  limitMs: number;
  refusesStale: boolean;
}

export interface Fault {
  name: string;
  whyNot?: string;
}

export interface DeadLetter {
  id: string;
  at: string;
  reason: string;
  recordId: string | null;
  change: unknown;
  shown: string;
  isSuperseded: boolean;
}

export interface RecordChange {
  at: string;
  operation: 'upsert' | 'delete';
  cause: string;
  by: string;
}

export interface Explanation {
  id: string;
  isPresent: boolean;
  ttlSeconds: number | null;
  changes: RecordChange[];
  deadLetters: DeadLetter[];
}

export interface ReconcileCounts {
  compared: number;
  missing: number;
  different: number;
  orphaned: number;
  repaired: number;
  elapsedMs: number;
}

export interface ReconcileReport extends ReconcileCounts {
  refused: number;
  examples: {
    missing: string[];
    different: { id: string; fields: string[] }[];
    orphaned: string[];
  };
}

export interface Statement {
  sql: string;
  parameters: string[];
  rows?: number;
  error?: string;
  elapsedMs?: number;
  at: string;
}

interface FeedEvents {
  hello: { dataset: string; layout: Layout; ttlSeconds: number; primary: PrimaryKind };
  applied: { changes: { op: string; id?: string }[]; total: number; lagMs: number | null; at: number };
  'load-begun': { cause: string; why: string };
  'load-progress': LoadProgress;
  loaded: { loaded: number; refused: number; removed: number; elapsedMs: number };
  invalidated: { id: string };
  cleared: { removed: number };
  lookup: { id: string; outcome: Outcome; redisLatencyMs: number };
  reconciled: ReconcileCounts;
  'dead-letter': { id?: string; reason: string };
  'dead-letters-filling': { waiting: number; limit: number };
  fault: { fault: string; text: string };
  freshness: Freshness;
  worker: { worker: string; state: WorkerState; detail?: string };
  'source-warning': { worker: string; message: string };
  statement: Statement;
  stats: Stats;
}

export type FeedEventType = keyof FeedEvents;
export type FeedEvent = { [Type in FeedEventType]: { type: Type; data: FeedEvents[Type] } }[FeedEventType];
