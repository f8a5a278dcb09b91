import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError, type PrefetchErrorCode } from '../errors.js';

/** Runs the work, and again if it fails for a reason that passes. */
export type Patience = <R>(work: () => Promise<R>) => Promise<R>;

export const impatient: Patience = (work) => work();

const firstPauseMs = 50;
const longestPauseMs = 5_000;

const passing: readonly PrefetchErrorCode[] = ['ERR_PREFETCH_UNAVAILABLE', 'ERR_PREFETCH_DEAD_LETTERS_FULL'];

/**
 * Does the work again until it succeeds, for failures that pass by themselves. Each pause is about twice the one
 * before, with a random part so that many workers do not come back all at once.
 *
 * @throws at once what trying again cannot help against
 */
export async function retrying<R>(
  work: () => Promise<R>,
  signal: AbortSignal,
  onFailure: (error: PrefetchError) => void = () => undefined,
): Promise<R> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passes = error instanceof PrefetchError && passing.includes(error.code);
      if (!passes || signal.aborted) throw error;
      onFailure(error);
      await sleep(pauseBefore(attempt), undefined, { signal });
    }
  }
}

/** How long to wait before the attempt after this one. */
export function pauseBefore(attempt: number, mostMs = longestPauseMs): number {
  return Math.min(mostMs, firstPauseMs * 2 ** attempt) * (0.5 + Math.random() / 2);
}
