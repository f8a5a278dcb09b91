import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { changeGuard } from './change-guard.js';
import type { EventStream } from './event-stream.js';
import { errorToProblem, noSuchRoute } from './problems.js';
import { adminRoutes } from './routes/admin.js';
import { categoryRoutes } from './routes/categories.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { faultRoutes } from './routes/faults.js';
import { healthRoutes } from './routes/health.js';
import { operatorRoutes } from './routes/operator.js';
import type { DemoParts } from './routes/parts.js';
import { primaryRoutes } from './routes/primary.js';

export interface AppOptions extends DemoParts {
  readonly events: EventStream;
  /** Where the page lies. */
  readonly pageDirectory: string;
  /** How long what an operator asks for may take. */
  readonly patienceMs?: number;
  readonly log?: (error: unknown) => void;
}

/** The sample app: everything but listening. */
export function createApp(options: AppOptions): Express {
  const { events, pageDirectory, patienceMs = 5000, log = console.error, ...parts } = options;
  const app = express();
  app.use(
    helmet({
      // The sample app speaks plain HTTP: asking browsers for HTTPS would break its page on any host but localhost.
      contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
      strictTransportSecurity: false,
    }),
  );
  app.use(changeGuard());
  app.use(healthRoutes(parts));
  app.use(categoryRoutes(parts));
  app.use(primaryRoutes(parts));
  app.use(
    '/admin',
    notStored,
    adminRoutes(parts, events, patienceMs),
    operatorRoutes(parts, events, patienceMs),
    deadLetterRoutes(parts, patienceMs),
    faultRoutes(parts, patienceMs),
  );
  app.use(express.static(pageDirectory));
  app.use(noSuchRoute);
  app.use(errorToProblem(log));
  return app;
}

const notStored: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};
