import type { ChangeSource } from '../../index.js';
import type { Category, CategoryFields } from '../category.js';
import type { StatementLog } from './statement-log.js';

/** The owner of the categories, as the app needs it. */
export interface Primary {
  readonly kind: 'memory' | 'postgres';
  readonly source: ChangeSource<Category>;
  /** How often all records were read. What is read for the page does not count. */
  readonly reads: number;
  resetReads(): void;
  count(): Promise<number>;
  ids(): Promise<ReadonlySet<string>>;
  /** What it holds in the order of ids, be it a record of the cache or not. */
  first(limit: number): Promise<object[]>;
  /** False when there is such a record already. */
  add(record: Category): Promise<boolean>;
  /** What it holds now; undefined when there is none. */
  update(id: string, fields: CategoryFields): Promise<object | undefined>;
  /** False when there is no such record. */
  delete(id: string): Promise<boolean>;
  /** Adds what can never be a record of the cache, and says what it is. */
  poison(): Promise<string>;
  /** The SQL that changed it, where there is any. */
  readonly statements?: StatementLog;
  /** Undefined when nothing but this process runs it. */
  readonly server?: PrimaryServer;
  stop(): Promise<void>;
}

export interface PrimaryServer {
  /** Ends it at once, and starts it anew with its data after a while; undefined when it is somebody's. */
  readonly crash?: (downMs: number, onBack: () => void) => Promise<void>;
}
