import type { ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';

/** An RFC 9457 problem. Any further member is sent as it is. */
export interface Problem {
  readonly status: number;
  /** @default the reason phrase of the status */
  readonly title?: string;
  readonly detail?: string;
  readonly [extension: string]: unknown;
}

/**
 * Answers with `application/problem+json`.
 *
 * @example
 * sendProblem(res, { status: 409, detail: 'cat-001 exists already.' });
 */
export function sendProblem(res: ServerResponse, problem: Problem): void {
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[problem.status], ...problem });
  res.statusCode = problem.status;
  res.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}
