import express, { type RequestHandler, Router } from 'express';
import { sendProblem } from '../index.js';

const safeMethods = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Stands before every request that could change something: only JSON, which no foreign form can send, and only from
 * our own page or from outside of browsers.
 */
export function changeGuard(): RequestHandler {
  const checks = Router().use(fromSameOrigin, asJson, express.json({ limit: '16kb' }));
  return (req, res, next) => {
    if (safeMethods.includes(req.method)) next();
    else checks(req, res, next);
  };
}

const fromSameOrigin: RequestHandler = (req, res, next) => {
  const site = req.get('sec-fetch-site') ?? 'same-origin';
  const origin = req.get('origin');
  if (site === 'same-origin' && (origin === undefined || hostOf(origin) === req.get('host'))) {
    next();
    return;
  }
  sendProblem(res, { status: 403, detail: 'Changes are accepted from the same origin only.' });
};

const asJson: RequestHandler = (req, res, next) => {
  if (/^application\/json\s*(;|$)/i.test(req.get('content-type') ?? '')) {
    next();
    return;
  }
  sendProblem(res, { status: 415, detail: 'Send Content-Type: application/json, also without a body.' });
};

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
