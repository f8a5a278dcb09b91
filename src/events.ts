import {
  channel,
  subscribe as subscribeChannel,
  unsubscribe as unsubscribeChannel,
} from 'node:diagnostics_channel';
import type { PrefetchError } from './errors.js';

export type LookupOutcome = 'hit' | 'miss' | 'not-loaded' | 'unavailable';
export type WorkerState = 'idle' | 'starting' | 'following' | 'retrying' | 'paused' | 'failed' | 'stopped';

type EventBody =
  | { type: 'lookup'; id: string; outcome: LookupOutcome; redisLatencyMs: number }
  | { type: 'document-storage'; storage: 'native' | 'string' }
  | { type: 'load-progress'; loaded: number; refused: number }
  | { type: 'loaded'; loaded: number; refused: number; removed: number; elapsedMs: number }
  | {
      type: 'applied';
      changes: readonly { op: string; id?: string }[];
      lagMs: number | null;
      position: string | null;
    }
  | { type: 'invalidated'; id: string }
  | { type: 'cleared'; removed: number }
  | { type: 'kept-alive'; records: number; elapsedMs: number }
  | { type: 'worker-state'; state: WorkerState; detail?: string }
  | { type: 'worker-error'; error: PrefetchError };

/** What happens, in any dataset of this process. `at` is in milliseconds since 1970. */
export type PrefetchEvent = EventBody & { dataset: string; at: number };

type Unstamped = EventBody & { dataset: string };

/** One channel for the whole process, found by name, so that it is the same in ESM and in CommonJS. */
const events = channel('express-prefetch-cache');

/** Lets hot paths skip making an event that nobody would hear. */
export function hasListeners(): boolean {
  return events.hasSubscribers;
}

export function publish(event: Unstamped): void {
  if (events.hasSubscribers) events.publish({ ...event, at: Date.now() });
}

/**
 * Tells the listener everything that happens, until the returned function is called. Costs nothing while nobody
 * listens.
 *
 * @example
 * const unsubscribe = subscribe((event) => {
 *   if (event.type === 'worker-error') console.error(event.dataset, event.error);
 * });
 */
export function subscribe(listener: (event: PrefetchEvent) => void): () => void {
  const onMessage = (message: unknown) => {
    listener(message as PrefetchEvent);
  };
  subscribeChannel(events.name, onMessage);
  return () => {
    unsubscribeChannel(events.name, onMessage);
  };
}
