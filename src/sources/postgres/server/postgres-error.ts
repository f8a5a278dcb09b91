import { PrefetchError } from '../../../errors.js';

/** What the operating system says of a connection; ENOENT of the socket of a server that is down. */
const brokenLine = /^(ECONN|ENOENT|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ERR_STREAM|ERR_SOCKET)/;

/** Connections that fail, a server that starts or shuts down, one with too many clients, a slot still in use. */
const passingStates = /^(08...|57P0[123]|53300|55006)$/;

/** What pg says without a code. */
const brokenClient = /connection (terminated|ended)|timeout expired|not queryable|SSL connection/i;

/** True for what a new connection a little later may cure. */
export function isPassing(error: unknown): boolean {
  const failure = error instanceof PrefetchError ? error.cause : error;
  // Not instanceof Error: what Node itself throws is of another realm where a test runner or a vm has its own.
  const { code, message } = (failure ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return brokenLine.test(code) || passingStates.test(code);
  return typeof message === 'string' && brokenClient.test(message);
}

export function sourceError(message: string, cause?: unknown): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_SOURCE', message, { cause });
}

/** What Postgres or the line to it reported, as an error of ours. */
export function postgresError(doing: string, error: unknown): PrefetchError {
  if (error instanceof PrefetchError) return error;
  return sourceError(`Postgres: ${doing} failed: ${describe(error)}`, error);
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  const { code, hint, message } = (error ?? {}) as { code?: unknown; hint?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(error);
  const parts = [text, typeof hint === 'string' && hint, typeof code === 'string' && `(${code})`];
  return parts.filter((part) => part !== false && part !== '').join(' ');
}
