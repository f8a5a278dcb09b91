import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../errors.js';

const firstPauseMs = 50;
const longestPauseMs = 5_000;

/**
 * Does the work again until it succeeds, for failures of Redis that pass by themselves. Each pause is about twice the one
 * before, with a random part so that many workers do not come back all at once.
 *
 * @throws at once what trying again cannot help against
 */
export async function retrying<R>(
  work: () => Promise<R>,
  signal: AbortSignal,
  onFailure: (error: PrefetchError) => void,
): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passes = error instanceof PrefetchError && error.code === 'ERR_PREFETCH_UNAVAILABLE';
      if (!passes || signal.aborted) throw error;
      onFailure(error);
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal });
    }
  }
}
