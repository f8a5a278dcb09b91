import { Router } from 'express';
import { sendProblem } from '../../index.js';
import { datasetState } from '../dataset-state.js';
import { demoStats } from '../demo-stats.js';
import type { EventStream } from '../event-stream.js';
import { limitOf } from './limit.js';
import type { DemoParts } from './parts.js';
import { within } from './within.js';

/** What the page shows. */
export function adminRoutes(parts: DemoParts, events: EventStream, patienceMs: number): Router {
  const { cache, primary, vitals } = parts;
  const routes = Router();

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
  routes.get('/explain/:id', async (req, res) => {
    res.json(await within(patienceMs, cache.explain(req.params.id)));
  });
  routes.get('/primary', async (req, res) => {
    const [records, count] = await Promise.all([primary.first(limitOf(req)), primary.count()]);
    res.json({ records, count });
  });
  routes.get('/statements', (_req, res) => {
    res.json({ statements: primary.statements?.latest ?? [] });
  });
  routes.get('/stats', async (_req, res) => {
    await vitals.look();
    res.json({ ...demoStats(parts), stalenessMs: vitals.stalenessMs });
  });
  routes.get('/events', (req, res) => {
    events.open(req, res);
  });
  return routes;
}
