import { Router } from 'express';
import { sendProblem } from '../../index.js';
import type { DemoParts } from './parts.js';

/** Alive, and ready: only loaded and followed is the dataset worth sending requests to. */
export function healthRoutes({ cache, worker }: Pick<DemoParts, 'cache' | 'worker'>): Router {
  const routes = Router();
  routes.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  routes.get('/readyz', async (_req, res) => {
    const { state } = worker.status();
    const note = await cache.loadNote();
    const lacking = [
      ...(note ? [] : ['the dataset is not loaded']),
      ...(state === 'following' ? [] : [`the sync worker is ${state}`]),
    ];
    if (lacking.length === 0) {
      res.json({ status: 'ready', loadedAt: note?.loadedAt, records: note?.records });
      return;
    }
    res.set('Retry-After', '1');
    sendProblem(res, { status: 503, title: 'Not Ready', detail: `Not ready: ${lacking.join(', ')}.` });
  });
  return routes;
}
