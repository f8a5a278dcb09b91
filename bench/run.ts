import { benchBulkLoad } from './bulk-load.js';
import { benchChanges } from './changes.js';
import { benchKeepAlive } from './keep-alive.js';
import { benchLookups } from './lookups.js';
import { benchPostgres } from './postgres.js';
import { benchRecordSize } from './record-size.js';
import { startBenchRedis } from './redis.js';
import { benchRoute } from './route.js';

const benches = {
  load: benchBulkLoad,
  lookups: benchLookups,
  changes: benchChanges,
  route: benchRoute,
  'keep-alive': benchKeepAlive,
  'record-size': benchRecordSize,
  postgres: benchPostgres,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in benches));
if (unknown !== undefined) {
  console.error(`There is no bench "${unknown}". There are: ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}

const redis = await startBenchRedis();
let allMet = true;
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const { name: job, figures, isMet } of await bench(redis.client)) {
    console.log(`${isMet ? '✔' : '✘'} ${job}: ${figures}`);
    allMet &&= isMet;
  }
}
await redis.stop();
process.exitCode = allMet ? 0 : 1;
