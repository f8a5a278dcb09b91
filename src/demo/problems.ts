import type { ErrorRequestHandler, RequestHandler } from 'express';
import { PrefetchError, sendProblem } from '../index.js';
import { PrimaryUnavailableError } from './primary/primary-unavailable-error.js';

export const noSuchRoute: RequestHandler = (req, res) => {
  sendProblem(res, { status: 404, detail: `There is no ${req.method} ${req.path} here.` });
};

/** Every error as problem+json. What is our own fault is logged and not shown. */
export function errorToProblem(log: (error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) {
      next(error);
    } else if (error instanceof PrefetchError) {
      const status = statusOf(error);
      if (status === 500) log(error);
      if (status === 503) res.set('Retry-After', '1');
      sendProblem(res, {
        status,
        detail: error.message,
        code: error.code,
        ...(status === 503 && { outcome: 'unavailable' }),
      });
    } else if (error instanceof PrimaryUnavailableError) {
      res.set('Retry-After', '1');
      sendProblem(res, { status: 503, detail: error.message, part: 'primary' });
    } else if (isClientError(error)) {
      sendProblem(res, { status: error.status, detail: error.message });
    } else {
      log(error);
      sendProblem(res, { status: 500, detail: 'Something went wrong. The log of the app says what.' });
    }
  };
}

function statusOf({ code }: PrefetchError): number {
  switch (code) {
    case 'ERR_PREFETCH_UNAVAILABLE':
    case 'ERR_PREFETCH_DEADLINE':
    case 'ERR_PREFETCH_CLIENT_CLOSED':
    case 'ERR_PREFETCH_PAUSE_TIMEOUT':
    case 'ERR_PREFETCH_NO_WRITER':
    case 'ERR_PREFETCH_LEASE_LOST':
    case 'ERR_PREFETCH_STATE_LOST':
      return 503;
    case 'ERR_PREFETCH_WORKER_STATE':
    case 'ERR_PREFETCH_REFUSED':
    case 'ERR_PREFETCH_RELOAD_REFUSED':
    case 'ERR_PREFETCH_RECONCILE_INTERRUPTED':
      return 409;
    case 'ERR_PREFETCH_NO_MEMORY':
      return 507;
    default:
      return 500;
  }
}

/** What we, Express and its body parser throw for a request that they cannot make sense of. */
function isClientError(error: unknown): error is { status: number; message: string } {
  const { status, message } = (error ?? {}) as { status?: unknown; message?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 && typeof message === 'string';
}
