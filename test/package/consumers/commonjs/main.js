const express = require('express');
const { createClient } = require('redis');
const { Schema } = require('redis-om');
const library = require('express-prefetch-cache');
const { MemoryPrimary } = require('express-prefetch-cache/memory');
const { version } = require('express-prefetch-cache/package.json');

const [, , redisUrl, prefix] = process.argv;

async function main() {
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
  await new Promise((resolve) => server.once('listening', resolve));
  const ask = async (id) => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}/categories/${id}`);
    return { status: response.status, body: await response.json() };
  };
  const report = {
    names: Object.keys(library).sort(),
    version,
    hit: await ask('cat-001'),
    miss: await ask('cat-404'),
  };

  await worker.stop();
  await cache.clear();
  await client.close();
  server.close();
  server.closeAllConnections();
  console.log(JSON.stringify(report));
}

main();
