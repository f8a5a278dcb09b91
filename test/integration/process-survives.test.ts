import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const root = join(__dirname, '../..');

/** An app as a user would write it, in a process of its own. */
const app = `
  import express from 'express';
  import { createClient } from 'redis';
  import { Schema } from 'redis-om';
  import { PrefetchCache, prefetchLookup } from './src/index.ts';

  const client = createClient({ url: process.env.REDIS_URL });
  client.on('error', () => {});
  await client.connect();
  const schema = new Schema('cache:category', { name: { type: 'string' } });
  const cache = new PrefetchCache({ client, schema, deadlineMs: 250 });
  const load = () => cache.bulkLoad([{ id: 'cat-001', name: 'Beverages' }]);
  await load();
  const category = prefetchLookup(cache);
  const app = express();
  app.get('/categories/:id', category, (req, res) => res.json(category.from(req)));
  app.post('/load', (req, res, next) => load().then(() => res.end(), next));
  const server = app.listen(0, () => console.log('port ' + server.address().port));
`;

let redis: TestRedis;
let child: ChildProcessWithoutNullStreams;
let errors = '';
let url: string;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
  child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', app], {
    cwd: root,
    env: { ...process.env, REDIS_URL: redis.url },
  });
  child.stderr.on('data', (bytes) => (errors += String(bytes)));
  let said = '';
  child.stdout.on('data', (bytes) => (said += String(bytes)));
  const [, port] = await until(() => /port (\d+)/.exec(said), 25_000);
  url = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  if (child.exitCode === null) {
    child.kill();
    await once(child, 'exit');
  }
  await redis.stop();
});

/** Asks until `wanted` is the answer, and returns every status on the way there. Each answer must come in time. */
async function askUntil(wanted: number): Promise<ReadonlySet<number>> {
  const seen = new Set<number>();
  await until(async () => {
    const startedAt = performance.now();
    const statuses = await Promise.all(Array.from({ length: 10 }, ask));
    expect(performance.now() - startedAt).toBeLessThan(250 + 1_500);
    for (const status of statuses) seen.add(status);
    return statuses.every((status) => status === wanted);
  });
  return seen;
}

async function ask(): Promise<number> {
  const response = await fetch(`${url}/categories/cat-001`);
  await response.arrayBuffer();
  await pause(1);
  return response.status;
}

test('Redis killed, stalled and restarted ends no request without an answer, and not the process', async () => {
  expect([...(await askUntil(200))]).toEqual([200]);

  redis.stall();
  expect([...(await askUntil(503))].filter((status) => status !== 200)).toEqual([503]);
  redis.resume();
  await askUntil(200);

  await redis.kill();
  await askUntil(503);
  await redis.restart();
  const load = () => fetch(`${url}/load`, { method: 'POST' });
  await until(async () => (await load()).ok);
  await askUntil(200);

  expect(child.exitCode).toBeNull();
  expect(errors).not.toMatch(/unhandled|uncaught|error/i);
});
