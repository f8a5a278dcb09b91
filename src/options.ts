import { optionError, PrefetchError } from './errors.js';

/** Refuses options that nobody reads: a misspelt option must not be a silent default. */
export function refuseUnknownOptions(owner: string, given: object, known: readonly string[]): void {
  if (typeof (given as unknown) !== 'object' || (given as unknown) === null) {
    throw optionError(`the options of ${owner}`, 'an object', given);
  }
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new PrefetchError(
        'ERR_PREFETCH_OPTION',
        `${owner} has no option \`${name}\`. It knows: ${known.join(', ')}.`,
      );
    }
  }
}

export function positiveInteger(option: string, given: unknown, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 1 || given > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? '>= 1' : `from 1 to ${most}`;
    throw optionError(option, `a whole number ${range}`, given);
  }
  return given;
}

/** A time span that a Node timer can hold. */
export function milliseconds(option: string, given: unknown): number {
  if (typeof given !== 'number' || !(given > 0) || given > 2_147_483_647) {
    throw optionError(option, 'a number of milliseconds > 0 and < 2^31', given);
  }
  return given;
}
