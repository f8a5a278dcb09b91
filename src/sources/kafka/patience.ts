import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../../errors.js';
import { unlessAborted } from '../../settling.js';
import { describe, kafkaError, sourceError } from './kafka-error.js';

const firstPauseMs = 100;
const longestPauseMs = 2_000;

export interface Patience {
  /** For how long to try. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** Hears once why the first attempt failed. */
  readonly onTrouble: (why: string) => void;
}

/**
 * Does the work again, with growing pauses, until it succeeds or the time is over, also when it never ends.
 *
 * @throws the signal's reason as soon as it aborts, and at once what we ourselves found to be wrong
 */
export async function patiently<R>(
  doing: string,
  work: () => Promise<R>,
  { withinMs, signal, onTrouble }: Patience,
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
      if (pauseMs === firstPauseMs)
        onTrouble(`Kafka: ${doing} failed and is tried again: ${describe(error)}`);
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
