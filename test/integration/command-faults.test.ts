import type { SyncWorker } from '../../src/index.js';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { until } from '../support/until.js';

/** What a worker does in its life is done again and again, each time with one command less that goes well. */
let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

const lost = new Error('Socket closed unexpectedly');

type Fault = 'is never sent' | 'is executed, but its reply is lost';

interface Life {
  commands: string[];
  primary: MemoryPrimary<Item>;
  world: SyncWorld;
}

/** Loads over what an earlier dataset left, follows, loads again; the n-th command meets the fault. */
async function live(layout: (typeof layouts)[number], n: number, fault: Fault): Promise<Life> {
  await redis.flush(); // so that SCAN takes as many pages each time
  const world = await SyncWorld.open(redis, { layout });
  const commands: string[] = [];
  const cache = world.through(async (words, send) => {
    commands.push(nameOf(words, world));
    if (commands.length !== n) return send();
    if (fault === 'is executed, but its reply is lost') await send().catch(() => undefined);
    throw lost;
  });
  await world.cache.bulkLoad([item('left-over'), ...items(5, 'old')]);
  const primary = new MemoryPrimary<Item>({ records: items(40, 0) });
  // The lease outlasts the test, and so does the pause between two beats.
  const worker = await world.started(primary, { cache, takeoverMs: 300_000 });
  await step(worker, () => {
    primary.update('item-00000', { version: '1' });
    primary.delete('item-00001');
    primary.add(item('new', 1));
  });
  await step(worker, () => {
    primary.truncate();
    for (const record of items(30, 2)) primary.add(record);
  });
  primary.delete('item-00007');
  await worker.reload();
  await step(worker, () => primary.update('item-00000', { version: '3' }));
  await worker.stop();
  return { commands, primary, world };
}

function nameOf([name = '', , ...keys]: readonly string[], { cache }: SyncWorld): string {
  if (name !== 'EVAL') return name;
  const { lease, stamp, heartbeat } = cache.dataset.keys;
  if (keys.includes(heartbeat)) return 'beat';
  if (keys.includes(stamp)) return keys.includes(lease) ? 'take' : name;
  return keys.includes(lease) ? 'release' : name;
}

/** They come again, or are not needed: nobody need hear of it. */
const quiet = ['beat', 'release'];

async function step(worker: SyncWorker<Item>, change: () => unknown): Promise<void> {
  change();
  await until(async () => (await worker.lag())?.events === 0);
}

describe.each(layouts)('a worker, %s layout', (layout) => {
  it('comes to the same end whichever of its commands fails, and however', async () => {
    const { commands, world: undisturbed } = await live(layout, 0, 'is never sent');
    await undisturbed.close();
    expect(commands.length).toBeGreaterThan(20);
    expect(commands).toEqual(expect.arrayContaining(['take', 'beat', 'EVALSHA', 'SCAN', 'TIME', 'release']));
    for (const fault of ['is never sent', 'is executed, but its reply is lost'] as const) {
      for (let n = 1; n <= commands.length; n++) {
        const { commands: met, primary, world } = await live(layout, n, fault);
        const where = `${n}: ${String(commands[n - 1])} ${fault}`;
        expect([where, await versionsIn(world.cache)]).toEqual([where, versionsOf(await primary.list())]);
        expect(await world.isMarked()).toBe(false);
        expect(await world.cache.loadNote()).toMatchObject({ from: 'memory' });
        expect(world.told('worker-error').length).toBeLessThanOrEqual(1);
        if (met.length >= n && !quiet.includes(met[n - 1]!))
          expect(world.told('worker-error')).toHaveLength(1);
        await world.close();
      }
    }
  }, 60_000);
});
