import { type Request, Router } from 'express';
import { BadRequestError } from '../bad-request.js';
import { ConflictError } from '../conflict-error.js';
import { demoStats } from '../demo-stats.js';
import type { EventStream } from '../event-stream.js';
import type { DemoParts } from './parts.js';
import { within } from './within.js';

/** What an operator can do with the dataset as a whole. */
export function operatorRoutes(parts: DemoParts, events: EventStream, patienceMs: number): Router {
  const { cache, crew, primary } = parts;
  const routes = Router();

  routes.post('/stats/reset', (_req, res) => {
    cache.resetStats();
    primary.resetReads();
    events.statsChanged();
    res.json(demoStats(parts));
  });
  routes.post('/invalidate/:id', async (req, res) => {
    res.json({ invalidated: await within(patienceMs, cache.invalidate(req.params.id)) });
  });
  routes.post('/clear', async (_req, res) => {
    // Left alone, the worker that writes would notice at once and load everything again.
    const wasHeld = crew.isHeld;
    await crew.hold(patienceMs);
    try {
      res.json({ removed: await within(patienceMs, cache.clear()) });
    } catch (error) {
      if (!wasHeld) crew.release();
      throw error;
    }
  });
  routes.post('/reprefetch', async (_req, res) => {
    // A reload waits until Redis is there; who asks for one should hear at once that it is not.
    await cache.loadNote();
    crew.release();
    const { loaded, refused, removed, elapsedMs } = await crew.reload();
    res.json({ loaded, refused, removed, elapsedMs });
  });
  routes.post('/reconcile', async (req, res) => {
    const repair = flagOf(req, 'repair');
    if ((await cache.loadNote()) === null) {
      throw new ConflictError(
        'The dataset is not loaded, so there is nothing to compare. Prefetch it first.',
      );
    }
    res.json(await crew.reconcile({ repair }));
  });
  return routes;
}

/** @throws BadRequestError */
function flagOf(req: Request, name: string): boolean {
  const { [name]: text = '0' } = req.query;
  if (text === '0' || text === '1') return text === '1';
  throw new BadRequestError(`Expected \`${name}\` to be 0 or 1.`);
}
