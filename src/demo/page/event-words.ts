import type { Entry } from './activity-log.js';
import { count, milliseconds, plural } from './format.js';
import type { FeedEvent, Outcome } from './wire.js';

const outcomeWords: Record<Outcome, string> = {
  hit: 'hit',
  miss: 'miss',
  'not-loaded': 'not loaded',
  unavailable: 'unavailable',
};

const IDS_NAMED = 3;

/** What the activity log says of an event; nothing for those that are only figures. */
export function wordsFor(event: FeedEvent): Entry | undefined {
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
      return { kind: 'loading', text: `${plural(event.data.loaded, 'record')} so far` };
    case 'loaded': {
      const { loaded, refused, removed, elapsedMs } = event.data;
      const refusals = refused > 0 ? ` · ${count(refused)} refused` : '';
      const removals = removed > 0 ? ` · ${count(removed)} removed` : '';
      return {
        kind: 'loaded',
        text: `${plural(loaded, 'record')} in ${milliseconds(elapsedMs)}${refusals}${removals}`,
      };
    }
    case 'worker': {
      const text = event.data.detail ? `${event.data.state}: ${event.data.detail}` : event.data.state;
      return event.data.state === 'failed'
        ? { kind: 'worker', text, tone: 'unavailable' }
        : { kind: 'worker', text };
    }
    case 'hello':
    case 'stats':
      return undefined;
  }
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
