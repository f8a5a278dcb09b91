import { Router } from 'express';
import { sendProblem } from '../../index.js';
import type { DemoParts } from './parts.js';

const takeoversMissed = 4;

/** For how long no worker may have been heard of in a dataset that is worth sending requests to. */
export function longestSilenceMs({ crew }: Pick<DemoParts, 'crew'>): number {
  return takeoversMissed * crew.takeoverMs;
}

/** Alive, and ready: only loaded and followed is the dataset worth sending requests to. */
export function healthRoutes({ cache, crew }: Pick<DemoParts, 'cache' | 'crew'>): Router {
  const routes = Router();
  routes.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  routes.get('/readyz', async (_req, res) => {
    const [note, stalenessMs] = await Promise.all([cache.loadNote(), cache.staleness()]);
    const lacking = [
      ...(note ? [] : ['the dataset is not loaded']),
      ...(stalenessMs < longestSilenceMs({ crew }) ? [] : [silence(stalenessMs)]),
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

function silence(stalenessMs: number): string {
  return Number.isFinite(stalenessMs)
    ? `no sync worker has been heard of for ${Math.round(stalenessMs / 1000)} s`
    : 'no sync worker has been heard of';
}
