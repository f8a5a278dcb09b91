import { count, milliseconds, plural } from './format.js';
import type { LogEntry } from './log-entry.js';
import type { FeedEvent, LoadProgress, Outcome } from './wire.js';

const outcomeWords: Record<Outcome, string> = {
  hit: 'hit',
  miss: 'miss',
  'not-loaded': 'not loaded',
  unavailable: 'unavailable',
};

const IDS_NAMED = 3;

/** What the activity log says of an event; nothing for those that are only figures. */
export function wordsFor(event: FeedEvent): LogEntry | undefined {
  switch (event.type) {
    case 'lookup': {
      const { id, outcome, redisLatencyMs } = event.data;
      const latency = redisLatencyMs > 0 ? ` · ${milliseconds(redisLatencyMs)}` : '';
      const entry = { kind: 'lookup', text: `${id} · ${outcomeWords[outcome]}${latency}` };
      return { ...entry, tone: outcome };
    }
    case 'applied': {
      const lag = event.data.lagMs === null ? '' : ` · lag ${milliseconds(event.data.lagMs)}`;
      return { kind: 'applied', text: describeChanges(event.data) + lag };
    }
    case 'invalidated':
      return { kind: 'invalidated', text: event.data.id };
    case 'cleared':
      return { kind: 'cleared', text: `${plural(event.data.removed, 'record')} removed`, tone: 'not-loaded' };
    case 'load-progress':
      return { kind: 'loading', text: describeProgress(event.data) };
    case 'load-begun':
      return { kind: 'load', text: `${event.data.cause} begun: ${event.data.why}` };
    case 'loaded': {
      const { loaded, refused, removed, elapsedMs } = event.data;
      const refusals = refused > 0 ? ` · ${count(refused)} refused` : '';
      const removals = removed > 0 ? ` · ${count(removed)} removed` : '';
      return {
        kind: 'loaded',
        text: `${plural(loaded, 'record')} in ${milliseconds(elapsedMs)}${refusals}${removals}`,
      };
    }
    case 'reconciled': {
      const { compared, missing, different, orphaned, repaired, elapsedMs } = event.data;
      const found = `${count(missing)} missing · ${count(different)} different · ${count(orphaned)} orphaned`;
      const effort = `${plural(compared, 'record')} in ${milliseconds(elapsedMs)}`;
      return { kind: 'reconciled', text: `${effort} · ${found} · ${count(repaired)} repaired` };
    }
    case 'dead-letter': {
      const { id = 'a change', reason } = event.data;
      return { kind: 'dead letter', text: `${id} · ${reason}`, tone: 'miss' };
    }
    case 'dead-letters-filling': {
      const { waiting, limit } = event.data;
      return {
        kind: 'dead letters',
        text: `${count(waiting)} wait, of ${count(limit)} that are kept`,
        tone: 'lost',
      };
    }
    case 'fault':
      return { kind: 'fault', text: event.data.text, tone: 'unavailable' };
    case 'worker':
      return describeWorker(event.data);
    case 'source-warning':
      return { kind: 'source', text: `${event.data.worker} · ${event.data.message}`, tone: 'miss' };
    case 'freshness':
    case 'hello':
    case 'statement':
    case 'stats':
      return undefined;
  }
}

function describeProgress({ loaded, total }: LoadProgress): string {
  if (total === undefined) return `${plural(loaded, 'record')} so far`;
  return `${count(loaded)} of ${plural(total, 'record')}`;
}

function describeWorker({ worker, state, detail }: Extract<FeedEvent, { type: 'worker' }>['data']): LogEntry {
  const text = `${worker} · ${detail ? `${state}: ${detail}` : state}`;
  if (state === 'failed') return { kind: 'worker', text, tone: 'unavailable' };
  return state === 'retrying' ? { kind: 'worker', text, tone: 'miss' } : { kind: 'worker', text };
}

function describeChanges({
  changes,
  total,
}: {
  changes: { op: string; id?: string }[];
  total: number;
}): string {
  const named = changes.slice(0, IDS_NAMED).map(({ op, id }) => (id === undefined ? op : `${op} ${id}`));
  const more = total - named.length;
  return more > 0 ? `${named.join(', ')} and ${count(more)} more` : named.join(', ');
}
