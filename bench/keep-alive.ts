import { PrefetchCache, SyncWorker, subscribe } from 'express-prefetch-cache';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import type { BenchClient } from './redis.js';
import { type Category, categories, hashSchema } from './categories.js';
import { type Result, median, quantile, ratioShown } from './side-by-side.js';

const records = 100_000;
/** So short that there is nearly always a sweep, and long enough for its rests. */
const ttlSeconds = 15;
const sampleMs = 12_000;
const rounds = 3;
const target = 0.8;

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Lookups while all records are kept alive, against lookups of as many that need not be. */
export async function benchKeepAlive(client: BenchClient): Promise<Result[]> {
  const cache = new PrefetchCache({ client, schema: hashSchema('bench:kept'), ttlSeconds });
  const lasting = new PrefetchCache({ client, schema: hashSchema('bench:lasting') });
  await lasting.bulkLoad(categories(records));
  const source = new MemoryPrimary({ records: categories(records) });
  let sweeps = 0;
  const unsubscribe = subscribe(() => sweeps++, ['kept-alive']);
  const kept: Sample[] = [];
  const alone: Sample[] = [];
  const sampleKept = async () => {
    const worker = new SyncWorker({ cache, source });
    await worker.start();
    sweeps = 0;
    kept.push(await sample(cache));
    if (sweeps === 0) throw new Error('Nothing was kept alive meanwhile.');
    await worker.stop();
  };
  const sampleAlone = async () => {
    alone.push(await sample(lasting));
  };
  for (let round = 0; round < rounds; round++) {
    const inTurn = [sampleKept, sampleAlone];
    for (const take of round % 2 === 0 ? inTurn : inTurn.reverse()) await take();
  }
  unsubscribe();
  const ratio =
    median(kept.map(({ perSecond }) => perSecond)) / median(alone.map(({ perSecond }) => perSecond));
  const figures = `while sweeping ${shown(kept)}, else ${shown(alone)}, ${ratioShown(ratio, target)}`;
  const name = `get() while ${records.toLocaleString('en')} records are renewed every ${ttlSeconds / 3} s`;
  return [{ name, figures, isMet: ratio >= target }];
}

async function sample(cache: PrefetchCache<Category>): Promise<Sample> {
  const latencies: number[] = [];
  const until = performance.now() + sampleMs;
  for (let i = 0; performance.now() < until; i++) {
    const { outcome, redisLatencyMs } = await cache.get(`cat-${i % records}`);
    if (outcome !== 'hit') throw new Error(`A record is ${outcome}.`);
    latencies.push(redisLatencyMs);
  }
  latencies.sort((a, b) => a - b);
  return {
    perSecond: Math.round((1000 * latencies.length) / sampleMs),
    p99Ms: quantile(latencies, 0.99),
  };
}

function shown(samples: readonly Sample[]): string {
  const perSecond = median(samples.map((one) => one.perSecond)).toLocaleString('en');
  return `${perSecond}/s (p99 ${median(samples.map(({ p99Ms }) => p99Ms)).toFixed(2)} ms)`;
}
