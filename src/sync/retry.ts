import { setTimeout as sleep } from 'node:timers/promises';
import type { PrefetchError } from '../errors.js';
import { toPrefetchError } from '../redis/failure.js';

const firstPauseMs = 50;
const longestPauseMs = 5_000;

/**
 * Does the work again until it succeeds, for failures that pass by themselves. Each pause is about twice the one
 * before, with a random part so that many workers do not come back all at once.
 *
 * @throws PrefetchError at once when trying again cannot help
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
      const failure = toPrefetchError(error);
      if (failure.code !== 'ERR_PREFETCH_UNAVAILABLE' || signal.aborted) throw failure;
      onFailure(failure);
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal });
    }
  }
}
