import { PrefetchError } from '../../index.js';

/** Lookups have a deadline in the library; what an operator asks for may take longer, but not for ever. */
export async function within<R>(timeoutMs: number, work: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new PrefetchError('ERR_PREFETCH_DEADLINE', `Redis did not answer within ${timeoutMs} ms.`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
