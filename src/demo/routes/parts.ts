import type { PrefetchCache, SyncWorker } from '../../index.js';
import type { MemoryPrimary } from '../../sources/memory/index.js';
import type { Category, CategoryLayout } from '../category.js';

/** What the routes work on. */
export interface DemoParts {
  readonly cache: PrefetchCache<Category>;
  readonly worker: SyncWorker<Category>;
  readonly primary: MemoryPrimary<Category>;
  readonly layout: CategoryLayout;
}
