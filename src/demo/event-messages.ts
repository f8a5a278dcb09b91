import type { PrefetchEvent } from '../index.js';

/** What a page is told of an event of the library. */
export interface PageMessage {
  readonly type: string;
  readonly data: object;
}

const maxChangesShown = 50;

/** Undefined for what a page has no use for. */
export function messageOf(event: PrefetchEvent): PageMessage | undefined {
  const { type } = event;
  switch (type) {
    case 'applied': {
      const { changes, lagMs, at } = event;
      const shown = changes.slice(0, maxChangesShown);
      return { type, data: { changes: shown, total: changes.length, lagMs, at } };
    }
    case 'lookup': {
      const { id, outcome, redisLatencyMs } = event;
      return { type, data: { id, outcome, redisLatencyMs } };
    }
    case 'load-begun':
      return { type, data: { cause: event.cause, why: event.why } };
    case 'load-progress': {
      const { loaded, refused, total } = event;
      return { type, data: { loaded, refused, total } };
    }
    case 'loaded': {
      const { loaded, refused, removed, elapsedMs } = event;
      return { type, data: { loaded, refused, removed, elapsedMs } };
    }
    case 'invalidated':
      return { type, data: { id: event.id } };
    case 'cleared':
      return { type, data: { removed: event.removed } };
    case 'reconciled': {
      const { compared, missing, different, orphaned, repaired, elapsedMs } = event;
      return { type, data: { compared, missing, different, orphaned, repaired, elapsedMs } };
    }
    case 'dead-letter':
      return { type, data: { id: event.id, reason: event.reason } };
    case 'dead-letters-filling':
      return { type, data: { waiting: event.waiting, limit: event.limit } };
    case 'worker-state':
      return { type: 'worker', data: { worker: event.worker, state: event.state, detail: event.detail } };
    case 'source-warning':
      return { type, data: { worker: event.worker, message: event.message } };
    case 'document-storage':
    case 'kept-alive':
    case 'worker-error': // told by the worker's state
      return undefined;
  }
}
