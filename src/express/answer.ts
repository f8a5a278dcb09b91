import type { Response } from 'express';
import type { LookupOutcome } from '../events.js';
import { sendProblem } from './problem.js';

/** What becomes of a lookup. `stale`: whatever it found is withheld, because it may be outdated. */
export type Answer = LookupOutcome | 'stale';

/** The usual answer where no record is served: 404 when it is known that there is none, else 503 and when to ask again. */
export function sendOutcome(res: Response, dataset: string, outcome: Exclude<Answer, 'hit'>): void {
  switch (outcome) {
    case 'miss':
      sendProblem(res, { status: 404, detail: `The dataset ${dataset} has no such record.`, outcome });
      break;
    case 'not-loaded':
      sayWhenToAskAgain(res, 5);
      sendProblem(res, { status: 503, detail: `The dataset ${dataset} is not loaded yet.`, outcome });
      break;
    case 'stale':
      sayWhenToAskAgain(res, 5);
      sendProblem(res, {
        status: 503,
        detail: `What is known of the dataset ${dataset} may be outdated.`,
        outcome,
      });
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
