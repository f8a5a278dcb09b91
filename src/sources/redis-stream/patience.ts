import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../../errors.js';

const firstPauseMs = 50;
const longestPauseMs = 5_000;

/**
 * Does the work again, with growing pauses, for as long as Redis cannot answer.
 *
 * @throws the signal's reason as soon as it aborts, and at once what trying again cannot help against
 */
export async function patiently<R>(work: () => Promise<R>, signal: AbortSignal): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(work(), signal);
    } catch (error) {
      const passes = error instanceof PrefetchError && error.code === 'ERR_PREFETCH_UNAVAILABLE';
      if (!passes || signal.aborted) throw error;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }
}

function unlessAborted<R>(work: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}
