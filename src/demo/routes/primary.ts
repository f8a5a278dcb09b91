import { Router } from 'express';
import { sendProblem } from '../../index.js';
import { readCategoryFields, readNewCategory } from '../category-body.js';
import type { DemoParts } from './parts.js';

/** The owner of the data changes it here. Nothing of this touches Redis: the sync worker does. */
export function primaryRoutes({ primary, layout }: Pick<DemoParts, 'primary' | 'layout'>): Router {
  const routes = Router();
  routes.post('/primary/categories', async (req, res) => {
    const record = readNewCategory(req.body, layout);
    if (!(await primary.add(record))) {
      sendProblem(res, { status: 409, detail: `The primary has a category ${record.id} already.` });
      return;
    }
    res
      .status(201)
      .location(`/categories/${encodeURIComponent(record.id)}`)
      .json(record);
  });
  routes.patch('/primary/categories/:id', async (req, res) => {
    const { id } = req.params;
    const record = await primary.update(id, readCategoryFields(req.body, layout));
    if (record) res.json(record);
    else sendProblem(res, { status: 404, detail: `The primary has no category ${id}.` });
  });
  routes.delete('/primary/categories/:id', async (req, res) => {
    const { id } = req.params;
    if (await primary.delete(id)) res.status(204).end();
    else sendProblem(res, { status: 404, detail: `The primary has no category ${id}.` });
  });
  return routes;
}
