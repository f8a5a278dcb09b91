import { PrefetchError } from '../errors.js';

/** Errors of Redis are ours already, so that all others come from the source. */
export function asPrefetchError(error: unknown): PrefetchError {
  if (error instanceof PrefetchError) return error;
  return new PrefetchError('ERR_PREFETCH_SOURCE', `The source failed: ${String(error)}`, { cause: error });
}
