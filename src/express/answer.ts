import type { Response } from 'express';
import type { LookupOutcome } from '../events.js';
import { sendProblem } from './problem.js';

/** The usual answer to a lookup that found nothing: 404 when that is known, else 503 and when to ask again. */
export function sendOutcome(res: Response, dataset: string, outcome: Exclude<LookupOutcome, 'hit'>): void {
  switch (outcome) {
    case 'miss':
      sendProblem(res, { status: 404, detail: `The dataset ${dataset} has no such record.`, outcome });
      break;
    case 'not-loaded':
      sayWhenToAskAgain(res, 5);
      sendProblem(res, { status: 503, detail: `The dataset ${dataset} is not loaded yet.`, outcome });
      break;
    case 'unavailable':
      sayWhenToAskAgain(res, 1);
      sendProblem(res, { status: 503, detail: `The dataset ${dataset} cannot be read now.`, outcome });
  }
}

function sayWhenToAskAgain(res: Response, seconds: number): void {
  res.setHeader('Retry-After', String(seconds));
  res.setHeader('Cache-Control', 'no-store');
}
