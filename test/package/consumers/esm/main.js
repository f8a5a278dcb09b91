import { once } from 'node:events';
import express from 'express';
import * as library from 'express-prefetch-cache';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import { createClient } from 'redis';
import { Schema } from 'redis-om';

const [, , redisUrl, prefix] = process.argv;

const client = createClient({ url: redisUrl });
client.on('error', console.error);
await client.connect();
const schema = new Schema(
  prefix,
  { id: { type: 'string' }, name: { type: 'string' } },
  { dataStructure: 'HASH' },
);
const cache = new library.PrefetchCache({ client, schema });
const worker = new library.SyncWorker({
  cache,
  source: new MemoryPrimary({ records: [{ id: 'cat-001', name: 'Beverages' }] }),
});
await worker.start();

const category = library.prefetchLookup(cache);
const app = express();
app.get('/categories/:id', category, (req, res) => res.json(category.from(req)));
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');

const ask = async (id) => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}/categories/${id}`);
  return { status: response.status, body: await response.json() };
};
const report = { names: Object.keys(library).sort(), hit: await ask('cat-001'), miss: await ask('cat-404') };

await worker.stop();
await cache.clear();
await client.close();
server.close();
server.closeAllConnections();
console.log(JSON.stringify(report));
