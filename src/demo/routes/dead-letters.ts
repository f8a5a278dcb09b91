import { Router } from 'express';
import { type DeadLetter, SyncOperator, sendProblem } from '../../index.js';
import type { Category } from '../category.js';
import { ConflictError } from '../conflict-error.js';
import { limitOf } from './limit.js';
import type { DemoParts } from './parts.js';
import { within } from './within.js';

const entryId = /^(\d{1,15})-(\d{1,15})$/;

/** The changes that could not be applied, and what can be done with them. */
export function deadLetterRoutes(
  { cache, crew }: Pick<DemoParts, 'cache' | 'crew'>,
  patienceMs: number,
): Router {
  const operator = new SyncOperator<Category>({ cache });
  const routes = Router();

  routes.get('/dead-letters', async (req, res) => {
    const letters = await within(patienceMs, operator.deadLetters.list({ limit: limitOf(req) }));
    res.json({ letters });
  });
  routes.post('/dead-letters/:id/replay', async (req, res) => {
    const { id } = req.params;
    assertWritable();
    if (!(await within(patienceMs, letterAt(operator, id)))) {
      sendProblem(res, noLetter(id));
      return;
    }
    await operator.deadLetters.replay(id, { timeoutMs: patienceMs });
    res.json({ replayed: id });
  });
  routes.delete('/dead-letters/:id', async (req, res) => {
    const { id } = req.params;
    assertWritable();
    const discarded = entryId.test(id)
      ? await operator.deadLetters.discard([id], { timeoutMs: patienceMs })
      : 0;
    if (discarded === 1) res.status(204).end();
    else sendProblem(res, noLetter(id));
  });
  return routes;

  function assertWritable(): void {
    if (crew.isHeld)
      throw new ConflictError('The workers rest since the cache was cleared. Prefetch it first.');
  }
}

/** Letters are listed from a place on, so from right before this one. */
async function letterAt(operator: SyncOperator<Category>, id: string): Promise<DeadLetter | undefined> {
  const [, ms, count] = entryId.exec(id) ?? [];
  if (ms === undefined || count === undefined) return undefined;
  const after =
    Number(count) > 0 ? `${ms}-${Number(count) - 1}` : `${Math.max(0, Number(ms) - 1)}-999999999999999`;
  const [letter] = await operator.deadLetters.list({ after, limit: 1 });
  return letter?.id === id ? letter : undefined;
}

function noLetter(id: string) {
  return { status: 404, detail: `There is no dead letter ${id}.` };
}
