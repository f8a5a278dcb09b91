import type { ErrorRequestHandler } from 'express';
import express5 from 'express';
import express4 from 'express4';

type Express = typeof express5;

/** Both majors that the middleware is for. */
export const expresses: readonly (readonly [string, Express])[] = [
  ['Express 4', express4 as unknown as Express],
  ['Express 5', express5],
];

/** Ends a chain of handlers by saying which error reached it. */
export const tellError: ErrorRequestHandler = (error: Error & { code?: string }, _req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  res.status(500).json({ name: error.name, code: error.code, message: error.message });
};
