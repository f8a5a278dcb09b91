import { type Request, Router } from 'express';
import { sendProblem } from '../../index.js';
import { BadRequestError } from '../bad-request.js';
import { datasetState, firstIds } from '../dataset-state.js';
import { demoStats } from '../demo-stats.js';
import type { EventStream } from '../event-stream.js';
import type { DemoParts } from './parts.js';
import { within } from './within.js';

/** What the page shows and what its buttons do. */
export function adminRoutes(parts: DemoParts, events: EventStream, patienceMs: number): Router {
  const { cache, worker, primary } = parts;
  const routes = Router();

  routes.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });
  routes.get('/state', async (req, res) => {
    res.json(await within(patienceMs, datasetState(parts, limitOf(req))));
  });
  routes.get('/entries/:id', async (req, res) => {
    const { id } = req.params;
    const { outcome, record, redisLatencyMs } = await cache.get(id);
    if (outcome === 'hit') {
      res.json({ record, ttlSeconds: await cache.ttlRemaining(id), redisLatencyMs });
    } else if (outcome === 'miss') {
      sendProblem(res, { status: 404, detail: `The dataset ${cache.name} has no record ${id}.`, outcome });
    } else {
      res.set('Retry-After', outcome === 'not-loaded' ? '5' : '1');
      const why = outcome === 'not-loaded' ? 'is not loaded' : 'cannot be read now';
      sendProblem(res, { status: 503, detail: `The dataset ${cache.name} ${why}.`, outcome });
    }
  });
  routes.get('/primary', (req, res) => {
    const records = firstIds(primary.ids(), limitOf(req)).map((id) => primary.peek(id));
    res.json({ records, count: primary.size });
  });
  routes.get('/stats', (_req, res) => {
    res.json(demoStats(parts));
  });
  routes.get('/events', (req, res) => {
    events.open(req, res);
  });

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
    res.json({ removed: await within(patienceMs, cache.clear()) });
  });
  routes.post('/reprefetch', async (_req, res) => {
    // A reload waits until Redis is there; who asks for one should hear at once that it is not.
    await cache.loadNote();
    const { loaded, refused, removed, elapsedMs } = await worker.reload();
    res.json({ loaded, refused, removed, elapsedMs });
  });
  return routes;
}

/** @throws BadRequestError */
function limitOf(req: Request): number {
  const { limit = '200' } = req.query;
  if (typeof limit === 'string' && /^[1-9]\d{0,8}$/.test(limit)) return Math.min(1000, Number(limit));
  throw new BadRequestError('Expected `limit` to be a whole number >= 1.');
}
