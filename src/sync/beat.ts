import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../errors.js';
import type { Fence } from '../redis/fence.js';
import { settlesWithin, unlessAborted } from '../settling.js';
import type { Kept, Lease } from './lease.js';

export interface BeatContext {
  readonly lease: Lease;
  readonly fence: Fence;
  readonly everyMs: number;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Readers are told that the dataset is kept current. */
  readonly isFollowing: () => boolean;
  readonly onKept: (kept: Kept) => void;
  /** Redis has not answered for that long; null when it does again. */
  readonly onSilence: (silentMs: number | null) => void;
}

/**
 * Says again and again that the writer is there. A Redis that cannot answer is asked at the same pace: the lease does
 * not wait longer for one that is patient.
 *
 * @throws PrefetchError when the term is over
 */
export async function beat(context: BeatContext): Promise<void> {
  const { lease, fence, everyMs, silenceMs, signal, isFollowing, onKept, onSilence } = context;
  while (!signal.aborted) {
    const keeping = lease.keep(fence, isFollowing());
    const isSilent = !(await settlesWithin(keeping, silenceMs));
    if (isSilent) onSilence(silenceMs);
    try {
      onKept(await unlessAborted(keeping, signal));
      if (isSilent) onSilence(null);
    } catch (error) {
      const passes = error instanceof PrefetchError && error.code === 'ERR_PREFETCH_UNAVAILABLE';
      if (!passes) throw error;
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
