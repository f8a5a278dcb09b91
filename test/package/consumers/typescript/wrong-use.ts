import express from 'express';
import { PrefetchCache, SyncWorker, prefetchLookup, prefetchLookupMany } from 'express-prefetch-cache';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import { createClient } from 'redis';
import { type Entity, Schema } from 'redis-om';

interface Country extends Entity {
  id: string;
  iso: string;
}

const client = createClient();
const schema = new Schema<Country>('cache:country', { id: { type: 'string' } });
const countries = new PrefetchCache({ client, schema });
const country = prefetchLookup(countries, { name: 'country' });
const optional = prefetchLookup(countries, { name: 'country', onMiss: 'next' });
const many = prefetchLookupMany(countries);
const app = express();

// @ts-expect-error The client is required.
new PrefetchCache({ schema });
// @ts-expect-error A URL is not a client.
new PrefetchCache({ client: 'redis://localhost', schema });
// @ts-expect-error No such option.
new PrefetchCache({ client, schema, ttl: 60 });
// @ts-expect-error A time to live is a number.
new PrefetchCache({ client, schema, ttlSeconds: '60' });

app.get('/countries/:id', country, (req, res) => {
  // @ts-expect-error The record has no such field.
  res.json(country.from(req).population);
  // @ts-expect-error It can be a miss here.
  res.json(optional.from(req).iso);
  // @ts-expect-error Many is not one.
  res.json(many.from(req).iso);
  // @ts-expect-error Nobody has declared this one in PrefetchedRecords.
  res.json(req.prefetch.planet);
});

// @ts-expect-error The middleware is made by calling it with a cache.
app.use(prefetchLookup);
// @ts-expect-error A miss is handled or goes on; nothing else.
prefetchLookup(countries, { onMiss: 'ignore' });
// @ts-expect-error Not a cache.
prefetchLookup(client);
// @ts-expect-error The limit is a number.
prefetchLookupMany(countries, { limit: '100' });
// @ts-expect-error Records have an id.
new MemoryPrimary({ records: [{ name: 'Beverages' }] });
// @ts-expect-error The records of this source are not those of the cache.
new SyncWorker({ cache: countries, source: new MemoryPrimary({ records: [{ id: 'a', size: 1 }] }) });

export async function wrong(): Promise<void> {
  const lookup = await countries.get('fr');
  // @ts-expect-error Only a hit has a record.
  lookup.record.iso;
  // @ts-expect-error An id is a string.
  await countries.get(1);
  // @ts-expect-error An upsert needs its record.
  await countries.applyChange({ op: 'upsert', id: 'fr' });
  // @ts-expect-error A record of another kind.
  await countries.bulkLoad([{ id: 'fr', population: 1 }]);
}
