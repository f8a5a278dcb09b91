import express from 'express';
import type { AddressInfo } from 'node:net';
import { createClient } from 'redis';
import { PrefetchCache, prefetchLookup, prefetchLookupMany } from '../../src/index.js';
import { type Item, itemSchema } from '../support/item.js';
import type { WebOptions } from './web-process.js';

const options = JSON.parse(process.argv[2] ?? '') as WebOptions;
process.on('disconnect', () => process.exit(1)); // whoever started us is gone
void serve();

async function serve(): Promise<void> {
  const client = createClient({
    url: options.redisUrl,
    socket: { reconnectStrategy: (retries) => Math.min(retries * 20, 200) },
  });
  client.on('error', () => undefined);
  await client.connect();
  const cache = new PrefetchCache<Item>({
    client,
    schema: itemSchema(options.dataset, options.layout),
    deadlineMs: options.deadlineMs,
  });
  const [one, many] = [prefetchLookup(cache), prefetchLookupMany(cache)];
  const app = express();
  app.get('/items/:id', one, (req, res) => {
    res.json(one.from(req));
  });
  app.get('/items', many, (req, res) => {
    res.json(many.from(req));
  });
  const server = app.listen(0, '127.0.0.1', () => {
    server.keepAliveTimeout = 60_000;
    process.send?.({ port: (server.address() as AddressInfo).port });
  });
}
