import type { DemoParts } from './routes/parts.js';

type StatsParts = Pick<DemoParts, 'cache' | 'crew' | 'primary' | 'vitals'>;

/** The counters of all parts, in the words of the guides. */
export function demoStats({ cache, crew, primary, vitals }: StatsParts) {
  const { changesApplied, ...stats } = cache.stats();
  const all = crew.workers.map((worker) => worker.status());
  const writer = crew.writer?.status();
  const shown = all.find(({ state }) => state === 'following') ?? all[0];
  return {
    ...stats,
    syncEventsApplied: changesApplied,
    primaryReads: primary.reads,
    workerState: shown?.state,
    loading: writer?.loading ?? null,
    workers: all.map(({ name, state }) => ({ name, state })),
    deadLetters: writer?.deadLetters ?? vitals.changes?.waiting ?? 0,
    changes: vitals.changes,
  };
}
