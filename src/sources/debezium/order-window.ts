import { optionError } from '../../errors.js';

/** @throws PrefetchError */
export function orderWindowOf(given: unknown = 4_096): number {
  if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 0 || given > 1_000_000) {
    throw optionError('orderWindow', 'a whole number from 0 to 1000000', given);
  }
  return given;
}
