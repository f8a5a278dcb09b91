import { type Channel, channel } from 'node:diagnostics_channel';
import type { PrefetchError } from './errors.js';

export type LookupOutcome = 'hit' | 'miss' | 'not-loaded' | 'unavailable';
export type WorkerState =
  'idle' | 'starting' | 'standby' | 'following' | 'retrying' | 'paused' | 'failed' | 'stopped';

type EventBody =
  | {
      type: 'lookup';
      id: string;
      outcome: LookupOutcome;
      redisLatencyMs: number;
      /** Why it is `unavailable`. */
      error?: PrefetchError;
    }
  | { type: 'document-storage'; storage: 'native' | 'string' }
  | { type: 'load-begun'; cause: 'prefetch' | 'reload'; why: string }
  | {
      type: 'load-progress';
      loaded: number;
      refused: number;
      /** How many rows there are, where the source knows. */
      total?: number;
    }
  | {
      type: 'loaded';
      loaded: number;
      refused: number;
      /** The first 100 refused records, with reasons. */
      refusals: readonly { subject: unknown; reason: string }[];
      removed: number;
      elapsedMs: number;
    }
  | {
      type: 'applied';
      changes: readonly { op: string; id?: string }[];
      lagMs: number | null;
      position: string | null;
    }
  | { type: 'invalidated'; id: string }
  | { type: 'cleared'; removed: number }
  | { type: 'kept-alive'; records: number; elapsedMs: number }
  | {
      type: 'reconciled';
      compared: number;
      missing: number;
      different: number;
      orphaned: number;
      repaired: number;
      elapsedMs: number;
    }
  | { type: 'dead-letter'; reason: string; id?: string; position: string }
  | { type: 'dead-letters-filling'; waiting: number; limit: number }
  | {
      type: 'worker-state';
      /** The name of the worker. */
      worker: string;
      state: WorkerState;
      detail?: string;
    }
  | {
      type: 'source-warning';
      worker: string;
      /** The name of the source. */
      source: string;
      code: string;
      message: string;
    }
  | { type: 'worker-error'; worker: string; error: PrefetchError };

/** What happens, in any dataset of this process. `at` is in milliseconds since 1970. */
export type PrefetchEvent = EventBody & { dataset: string; at: number };

type Unstamped = EventBody & { dataset: string };

const eventTypes = [
  'lookup',
  'document-storage',
  'load-begun',
  'load-progress',
  'loaded',
  'applied',
  'invalidated',
  'cleared',
  'kept-alive',
  'reconciled',
  'dead-letter',
  'dead-letters-filling',
  'worker-state',
  'source-warning',
  'worker-error',
] as const satisfies EventType[];

type EventType = EventBody['type'];

/**
 * A channel for each type, found by name, so that it is the same one in ESM and in CommonJS. The name is used this once
 * only: Node holds channels weakly, and when one of the name was let go of before, the name may lead to another later.
 */
const channels = new Map<EventType, Channel>(eventTypes.map((type) => [type, channel(nameOf(type))]));

function nameOf(type: EventType): string {
  return `express-prefetch-cache:${type}`;
}

/** Lets hot paths skip making an event that nobody would hear. */
export function hasListeners(type: EventType): boolean {
  return channels.get(type)?.hasSubscribers === true;
}

export function publish(event: Unstamped): void {
  if (hasListeners(event.type)) channels.get(event.type)?.publish({ ...event, at: Date.now() });
}

/**
 * Tells the listener what happens, until the returned function is called. Events that nobody listens to cost nothing,
 * so ask for those that you want: there is a `lookup` for every request.
 *
 * @example
 * const unsubscribe = subscribe(({ dataset, error }) => console.error(dataset, error), ['worker-error']);
 */
export function subscribe<Type extends EventType = EventType>(
  listener: (event: Extract<PrefetchEvent, { type: Type }>) => void,
  types: readonly Type[] = eventTypes as readonly EventType[] as readonly Type[],
): () => void {
  const onMessage = (message: unknown) => {
    listener(message as Extract<PrefetchEvent, { type: Type }>);
  };
  /* eslint-disable @typescript-eslint/no-deprecated -- deprecated for those who do not hold on to the channel */
  for (const type of types) channels.get(type)?.subscribe(onMessage);
  return () => {
    for (const type of types) channels.get(type)?.unsubscribe(onMessage);
  };
  /* eslint-enable @typescript-eslint/no-deprecated */
}
