import express, { type Request } from 'express';
import {
  type CacheStats,
  type ChangeSource,
  type Lookup,
  PrefetchCache,
  PrefetchError,
  type PrefetchEvent,
  SyncWorker,
  prefetchLookup,
  prefetchLookupMany,
  sendProblem,
  subscribe,
} from 'express-prefetch-cache';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import { createClient } from 'redis';
import { type Entity, Schema } from 'redis-om';

interface Category extends Entity {
  id: string;
  name: string;
  display_order: number;
  featured: boolean;
}

interface Country extends Entity {
  id: string;
  iso: string;
}

declare global {
  namespace Express {
    interface PrefetchedRecords {
      category: Category;
    }
  }
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<Expected>() {
  return <Given>(given: Given, same: Same<Given, Expected>): void => {
    void given;
    void same;
  };
}

const client = createClient();
const categories = new PrefetchCache<Category>({
  client,
  schema: new Schema<Category>('cache:category', { id: { type: 'string' }, name: { type: 'string' } }),
  ttlSeconds: 60,
});
const countries = new PrefetchCache({
  client,
  schema: new Schema<Country>('cache:country', { id: { type: 'string' } }, { dataStructure: 'HASH' }),
});

const app = express();
const category = prefetchLookup(categories);
const country = prefetchLookup(countries, {
  id: (req) => req.get('x-country'),
  name: 'country',
  onMiss: 'next',
  onUnavailable: (_req, res) => {
    sendProblem(res, { status: 503, detail: 'Later.' });
  },
});
const many = prefetchLookupMany(categories, { limit: 10 });
const fresh = prefetchLookup(categories, { maxStalenessMs: 5_000 });
const served = prefetchLookup(categories, { maxStalenessMs: 5_000, onStale: 'serve' });
const perhaps = prefetchLookup(categories, { maxStalenessMs: 5_000, onStale: 'next' });
const manyServed = prefetchLookupMany(categories, { maxStalenessMs: 5_000, onStale: 'serve' });
const manyPerhaps = prefetchLookupMany(categories, { maxStalenessMs: 5_000, onStale: 'next' });

app.get('/:country/categories/:id', country, category, (req, res) => {
  expectType<Category>()(category.from(req), true);
  expectType<Country | undefined>()(country.from(req), true);
  expectType<Category>()(req.prefetch.category, true);
  res.json(category.from(req));
});
app.get('/categories', many, (req, res) => {
  const { records, missing } = many.from(req);
  expectType<Category[]>()(records, true);
  expectType<string[]>()(missing, true);
  res.json({ records, missing });
});

app.get('/fresh/:id', fresh, served, perhaps, manyServed, manyPerhaps, (req, res) => {
  expectType<Category>()(fresh.from(req), true);
  expectType<Category>()(served.from(req), true);
  expectType<Category | undefined>()(perhaps.from(req), true);
  expectType<Category[]>()(manyServed.from(req).records, true);
  expectType<Category[] | undefined>()(manyPerhaps.from(req)?.records, true);
  res.end();
});

// A route that names the types of its parameters and body itself.
app.get('/typed/:id', category, (req: Request<{ id: string }, unknown, { a: number }>, res) => {
  res.json({ name: category.from(req).name });
});
app.use('/router', express.Router().get('/:id', category));

const source: ChangeSource<Category> = new MemoryPrimary<Category>({ records: [], readLatencyMs: 1 });
const worker = new SyncWorker({ cache: categories, source });
const unsubscribe = subscribe((event: PrefetchEvent) => {
  if (event.type === 'lookup') expectType<number>()(event.redisLatencyMs, true);
});

export async function use(): Promise<string | undefined> {
  await worker.start();
  const stats: CacheStats = categories.stats();
  const lookup: Lookup<Category> = await categories.get('cat-001');
  unsubscribe();
  expectType<boolean | undefined>()(lookup.isStale, true);
  expectType<number>()(await categories.staleness(), true);
  if (lookup.outcome === 'hit') {
    expectType<Category>()(lookup.record, true);
    return `${lookup.record.name} ${String(stats.hits)}`;
  }
  if (lookup.outcome === 'unavailable' && lookup.error instanceof PrefetchError) return lookup.error.code;
  return undefined;
}

// Clients with settings of all kinds fit.
const schema = new Schema<Country>('cache:country', { id: { type: 'string' } });
new PrefetchCache({ client: createClient({ RESP: 3 }), schema });
new PrefetchCache({ client: createClient({ url: 'redis://localhost', socket: { tls: true } }), schema });
