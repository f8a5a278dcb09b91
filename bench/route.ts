import autocannon from 'autocannon';
import express from 'express';
import type { AddressInfo } from 'node:net';
import { PrefetchCache, prefetchLookup } from 'express-prefetch-cache';
import type { BenchClient } from './redis.js';
import { categories, hashSchema } from './categories.js';
import { type Result, median } from './side-by-side.js';

const records = 1_000;
const rounds = 5;
const secondsARound = 3;
const target = 0.95;

/** The route of the sample app against one that reads the hash itself. Both run in this process, in turns. */
export async function benchRoute(client: BenchClient): Promise<Result[]> {
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:route') });
  await cache.bulkLoad(categories(records));
  const category = prefetchLookup(cache);
  const app = express();
  app.get('/ours/:id', category, (req, res) => {
    res.json(category.from(req));
  });
  app.get('/hand/:id', async (req, res) => {
    const record = await client.hGetAll(`bench:route:${req.params.id}`);
    if (Object.keys(record).length === 0) res.status(404).json({ error: 'not found' });
    else res.json(record);
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const hand: number[] = [];
  const ours: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const handPerSecond = await load(`http://127.0.0.1:${port}/hand/cat-7`);
    const oursPerSecond = await load(`http://127.0.0.1:${port}/ours/cat-7`);
    if (round < 0) continue; // warming up
    hand.push(handPerSecond);
    ours.push(oursPerSecond);
  }
  server.close();
  const ratio = median(ours) / median(hand);
  const perSecond = (values: number[]) => `${Math.round(median(values)).toLocaleString('en')}/s`;
  return [
    {
      name: 'GET /categories/:id, 32 connections',
      figures: `ours ${perSecond(ours)}, by hand ${perSecond(hand)}, ratio ${ratio.toFixed(2)} (target ${target})`,
      isMet: ratio >= target,
    },
  ];
}

/** Requests a second, from a thread of its own. */
async function load(url: string): Promise<number> {
  const result = await autocannon({ url, connections: 32, duration: secondsARound, workers: 1 });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${url} did not always answer with 200.`);
  return result.requests.average;
}
