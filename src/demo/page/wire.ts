export type Outcome = 'hit' | 'miss' | 'not-loaded' | 'unavailable';
export type Layout = 'JSON' | 'HASH';
export type WorkerState = 'idle' | 'starting' | 'following' | 'paused' | 'failed' | 'stopped';

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
}

interface FeedEvents {
  hello: { dataset: string; layout: Layout; ttlSeconds: number };
  applied: { changes: { op: string; id?: string }[]; total: number; lagMs: number | null; at: number };
  'load-progress': { loaded: number; refused: number };
  loaded: { loaded: number; refused: number; removed: number; elapsedMs: number };
  invalidated: { id: string };
  cleared: { removed: number };
  lookup: { id: string; outcome: Outcome; redisLatencyMs: number };
  worker: { state: WorkerState; detail?: string };
  stats: Stats;
}

export type FeedEventType = keyof FeedEvents;
export type FeedEvent = { [Type in FeedEventType]: { type: Type; data: FeedEvents[Type] } }[FeedEventType];
