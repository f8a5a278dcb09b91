import { Router } from 'express';
import { prefetchLookup, prefetchLookupMany } from '../../index.js';
import type { DemoParts } from './parts.js';

/** What an application serves: lookups, and nothing but lookups. */
export function categoryRoutes({
  cache,
  maxStalenessMs,
}: Pick<DemoParts, 'cache' | 'maxStalenessMs'>): Router {
  const category = prefetchLookup(cache, { maxStalenessMs });
  const categories = prefetchLookupMany(cache, { maxStalenessMs });
  const routes = Router();
  routes.get('/categories', categories, (req, res) => {
    res.json(categories.from(req));
  });
  routes.get('/categories/:id', category, (req, res) => {
    res.json(category.from(req));
  });
  return routes;
}
