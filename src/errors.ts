export const errorCodes = [
  'ERR_PREFETCH_OPTION',
  'ERR_PREFETCH_CLIENT_WITHOUT_ERROR_LISTENER',
  'ERR_PREFETCH_CLIENT_CLOSED',
  'ERR_PREFETCH_UNAVAILABLE',
  'ERR_PREFETCH_DEADLINE',
  'ERR_PREFETCH_NO_PERMISSION',
  'ERR_PREFETCH_UNSUPPORTED_SERVER',
  'ERR_PREFETCH_COMMAND_FAILED',
  'ERR_PREFETCH_WRONG_TYPE',
  'ERR_PREFETCH_UNREADABLE_RECORD',
  'ERR_PREFETCH_REFUSED',
  'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
  'ERR_PREFETCH_LOAD_INTERRUPTED',
  'ERR_PREFETCH_RELOAD_REFUSED',
  'ERR_PREFETCH_NO_MEMORY',
  'ERR_PREFETCH_RECONCILE_INTERRUPTED',
  'ERR_PREFETCH_DEAD_LETTERS_FULL',
  'ERR_PREFETCH_LEASE_LOST',
  'ERR_PREFETCH_STATE_LOST',
  'ERR_PREFETCH_NO_WRITER',
  'ERR_PREFETCH_NO_ID_PARAMETER',
  'ERR_PREFETCH_LOOKUP_NOT_MOUNTED',
  'ERR_PREFETCH_WORKER_STATE',
  'ERR_PREFETCH_PAUSE_TIMEOUT',
  'ERR_PREFETCH_SOURCE',
] as const;

export type PrefetchErrorCode = (typeof errorCodes)[number];

/**
 * The one error class of this package. Match on `code`; the message says what to do.
 *
 * @example
 * if (error instanceof PrefetchError && error.code === 'ERR_PREFETCH_DEADLINE') …
 */
export class PrefetchError extends Error {
  override readonly name = 'PrefetchError';
  readonly code: PrefetchErrorCode;

  constructor(code: PrefetchErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The error of an option that is not what it should be, in one wording for all options. */
export function optionError(option: string, expected: string, given: unknown): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_OPTION',
    `Expected \`${option}\` to be ${expected}, got ${describe(given)}.`,
  );
}

function describe(given: unknown): string {
  switch (typeof given) {
    case 'string':
      return `'${given.length > 80 ? `${given.slice(0, 80)}…` : given}' (string)`;
    case 'number':
    case 'boolean':
    case 'bigint':
      return `${String(given)} (${typeof given})`;
    case 'function':
      return `a function${given.name && ` named ${given.name}`}`;
    case 'object':
      return given === null ? 'null' : Array.isArray(given) ? 'a list' : 'an object';
    default:
      return typeof given;
  }
}
