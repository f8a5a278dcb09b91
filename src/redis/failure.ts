import { PrefetchError, type PrefetchErrorCode } from '../errors.js';

interface Failure {
  code: PrefetchErrorCode;
  pattern: RegExp;
  message: string;
}

/** Servers word the same failure differently; RedisJSON and Valkey's module do not say WRONGTYPE. */
const failures: readonly Failure[] = [
  {
    code: 'ERR_PREFETCH_WRONG_TYPE',
    pattern: /WRONGTYPE|wrong (Redis )?type|not a JSON/i,
    message:
      'A key under the prefix of this dataset holds another type of value. Either something else writes there, or it was loaded in another layout: remove the key, or reload.',
  },
  {
    code: 'ERR_PREFETCH_UNSUPPORTED_SERVER',
    pattern: /unknown (Redis )?command|unknown subcommand/i,
    message: 'The Redis server lacks a command that is needed. Redis 6.2, Valkey 7.2 or newer is required.',
  },
  {
    code: 'ERR_PREFETCH_NO_PERMISSION',
    pattern: /^(NOPERM|NOAUTH|WRONGPASS)|ACL failure|user executing the script/,
    message:
      'Redis refused the command to this user. The README lists what a reading and a writing user need.',
  },
  {
    code: 'ERR_PREFETCH_CLIENT_CLOSED',
    pattern: /client is closed/i,
    message: 'The Redis client is closed or was never connected. Call client.connect() and close it last.',
  },
];

/** What a server says that passes by itself. Inside a script, other words may come before it. */
const passing =
  /\b(OOM|LOADING|READONLY|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|MISCONF|NOREPLICAS)\b|max number of clients/;

/** An answer of the server, as opposed to what happens to a connection. */
const serverError = /^[A-Z]{3,} /;

/** What Redis or the connection reported, as an error of ours with the original as its cause. */
export function toPrefetchError(error: unknown): PrefetchError {
  if (error instanceof PrefetchError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = failures.find(({ pattern }) => pattern.test(text));
  if (known) return new PrefetchError(known.code, `${known.message} (${text})`, { cause: error });
  if (serverError.test(text) && !passing.test(text)) {
    const message = `Redis refused a command, and would again: ${text}`;
    return new PrefetchError('ERR_PREFETCH_COMMAND_FAILED', message, { cause: error });
  }
  return new PrefetchError('ERR_PREFETCH_UNAVAILABLE', `Redis cannot answer: ${text}`, { cause: error });
}
