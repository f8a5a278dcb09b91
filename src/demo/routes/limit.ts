import type { Request } from 'express';
import { BadRequestError } from '../bad-request.js';

/** How much of a list is asked for. @throws BadRequestError */
export function limitOf(req: Request): number {
  const { limit = '200' } = req.query;
  if (typeof limit === 'string' && /^[1-9]\d{0,8}$/.test(limit)) return Math.min(1000, Number(limit));
  throw new BadRequestError('Expected `limit` to be a whole number >= 1.');
}
