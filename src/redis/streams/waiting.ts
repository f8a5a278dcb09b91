import { unlessAborted } from '../../settling.js';
import { retrying } from '../patience.js';

/**
 * Does the work again, with growing pauses, for as long as Redis cannot answer. `onFailure` hears each time that it
 * could not.
 *
 * @throws the signal's reason as soon as it aborts, and at once what trying again cannot help against
 */
export async function patiently<R>(
  work: () => Promise<R>,
  signal: AbortSignal,
  onFailure?: () => void,
): Promise<R> {
  signal.throwIfAborted();
  return unlessAborted(
    retrying(() => work(), signal, onFailure),
    signal,
  );
}
