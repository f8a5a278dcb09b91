import { PrefetchError } from '../../errors.js';
import { toPrefetchError } from '../failure.js';

/** What Redis reported of a stream, as an error of ours. */
export function streamError(stream: string, error: unknown): PrefetchError {
  const failure = toPrefetchError(error);
  if (failure.code !== 'ERR_PREFETCH_WRONG_TYPE') return failure;
  return new PrefetchError(failure.code, `The key \`${stream}\` holds something else than a stream.`, {
    cause: error,
  });
}
