import type { DemoParts } from './routes/parts.js';

/** The counters of all parts, in the words of the guides. */
export function demoStats({ cache, worker, primary }: Pick<DemoParts, 'cache' | 'worker' | 'primary'>) {
  const { changesApplied, ...stats } = cache.stats();
  const { state, loading } = worker.status();
  return {
    ...stats,
    syncEventsApplied: changesApplied,
    primaryReads: primary.reads,
    workerState: state,
    loading,
  };
}
