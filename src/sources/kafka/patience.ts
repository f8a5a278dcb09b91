import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../../errors.js';
import { unlessAborted } from '../../settling.js';
import { describe, kafkaError, sourceError } from './kafka-error.js';

const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** Joining a group takes 3 seconds, by the default of a broker. */
const longestSilenceMs = 5_000;

export interface Patience {
  /** For how long to try. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** Hears once that the first attempt failed, or that it takes long. */
  readonly onTrouble: (message: string) => void;
  /** Hears that such trouble is over, however it ended. */
  readonly onCalm: () => void;
}

/**
 * Does the work again, with growing pauses, until it succeeds or the time is over, also when it never ends.
 *
 * @throws the signal's reason as soon as it aborts, and at once what we ourselves found to be wrong
 */
export async function patiently<R>(
  doing: string,
  work: () => Promise<R>,
  { withinMs, signal, onTrouble, onCalm }: Patience,
): Promise<R> {
  const state = { isTroubled: false };
  const trouble = (what: string) => {
    if (!state.isTroubled) onTrouble(`Kafka: ${doing} ${what}`);
    state.isTroubled = true;
  };
  const longMs = Math.min(longestSilenceMs, withinMs / 2);
  const slowness = setTimeout(trouble, longMs, `has taken ${longMs} ms so far`);
  try {
    return await again(doing, work, { withinMs, signal, trouble });
  } finally {
    clearTimeout(slowness);
    if (state.isTroubled) onCalm();
  }
}

async function again<R>(
  doing: string,
  work: () => Promise<R>,
  { withinMs, signal, trouble }: { withinMs: number; signal: AbortSignal; trouble: (what: string) => void },
): Promise<R> {
  const deadline = performance.now() + withinMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    signal.throwIfAborted();
    try {
      return await inTime(doing, unlessAborted(work(), signal), deadline - performance.now());
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PrefetchError) throw error;
      if (performance.now() + pauseMs > deadline) throw kafkaError(doing, error);
      trouble(`failed and is tried again: ${describe(error)}`);
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

function inTime<R>(doing: string, work: Promise<R>, withinMs: number): Promise<R> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        reject(sourceError(`Kafka: ${doing} has not come to an end in time.`));
      },
      Math.max(1, withinMs),
    );
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
