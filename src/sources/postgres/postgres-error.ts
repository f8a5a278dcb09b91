import { PrefetchError } from '../../errors.js';

/** What the operating system says of a connection. */
const brokenLine = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ERR_STREAM|ERR_SOCKET)/;

/** Connections that fail, a server that starts or shuts down, one with too many clients, a slot still in use. */
const passingStates = /^(08...|57P0[123]|53300|55006)$/;

/** What pg says without a code. */
const brokenClient = /connection (terminated|ended)|timeout expired|not queryable|SSL connection/i;

/** True for what a new connection a little later may cure. */
export function isPassing(error: unknown): boolean {
  const failure = error instanceof PrefetchError ? error.cause : error;
  if (!(failure instanceof Error)) return false;
  const { code } = failure as { code?: unknown };
  if (typeof code === 'string') return brokenLine.test(code) || passingStates.test(code);
  return brokenClient.test(failure.message);
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
  const text = error instanceof Error ? error.message : String(error);
  const { code, hint } = (error ?? {}) as { code?: unknown; hint?: unknown };
  const parts = [text, typeof hint === 'string' && hint, typeof code === 'string' && `(${code})`];
  return parts.filter((part) => part !== false && part !== '').join(' ');
}
