import { Router } from 'express';
import { sendProblem } from '../../index.js';
import { type FaultName, faultNames } from '../faults/faults.js';
import type { DemoParts } from './parts.js';
import { within } from './within.js';

/** The buttons that let something go wrong. */
export function faultRoutes({ faults }: Pick<DemoParts, 'faults'>, patienceMs: number): Router {
  const routes = Router();
  routes.get('/faults', (_req, res) => {
    res.json({ faults: faults?.list ?? [] });
  });
  routes.post('/faults/:name', async (req, res) => {
    const { name } = req.params;
    if (!isFault(name)) {
      sendProblem(res, { status: 404, detail: `There is no fault ${name}, only ${faultNames.join(', ')}.` });
    } else if (!faults) {
      sendProblem(res, { status: 403, detail: 'Faults are switched off here, by --no-faults.' });
    } else {
      res.json({ fault: name, text: await within(patienceMs, faults.bringAbout(name)) });
    }
  });
  return routes;
}

function isFault(name: string): name is FaultName {
  return (faultNames as readonly string[]).includes(name);
}
