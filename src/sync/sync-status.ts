import type { PrefetchError } from '../errors.js';
import type { WorkerState } from '../events.js';
import type { ReloadReport } from './reload.js';
import type { RowProgress } from './row-load.js';

export interface SyncStatus {
  readonly state: WorkerState;
  /** The name of this worker. */
  readonly name: string;
  /** The name of the worker that writes the dataset, as far as this one has heard. */
  readonly writer: string | null;
  /** Everything up to here has been applied. */
  readonly position: string | null;
  /** How far the load has come that is running. */
  readonly loading: RowProgress | null;
  /** Why the worker failed, or what it is trying again because of. */
  readonly error: PrefetchError | null;
  readonly lastAppliedAt: string | null;
  /** What the latest load of this worker loaded, refused and removed; null when it found the dataset loaded. */
  readonly lastLoad: ReloadReport | null;
  /** How many changes could not be applied and wait for somebody; null when another worker knows. */
  readonly deadLetters: number | null;
}
