import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { MemoryPrimary } from '../../src/sources/memory/index.js';
import { Fleet } from '../support/fleet.js';
import { type Item, item, items, layouts, versionsIn, versionsOf } from '../support/item.js';
import { RedeliveringSource } from '../support/redelivering-source.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';
import { Timelines } from '../support/timelines.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis({ private: true });
});

afterAll(() => redis.stop());

const ids = items(12).map(({ id }) => id);

const whatHappens = [
  ...(['truncate', 'reload', 'reload and go on', 'pause', 'resume', 'join', 'stop the writer'] as const),
  ...(['crash the writer', 'cut the connections', 'clear', 'catch up', 'breathe'] as const),
];

type Step = { do: 'write' | 'delete'; id: string } | { do: (typeof whatHappens)[number] };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('write' as const), id: fc.constantFrom(...ids) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), id: fc.constantFrom(...ids) }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constantFrom(...whatHappens) }) },
);

interface Habits {
  readonly maxBatch: number;
  /** How many batches each session of the source brings once more. */
  readonly redelivered: number;
}

/** What may be told as an error of a worker in such a life. */
const expectedErrors = [
  ...['ERR_PREFETCH_UNAVAILABLE', 'ERR_PREFETCH_CLIENT_CLOSED', 'ERR_PREFETCH_LEASE_LOST'],
  ...['ERR_PREFETCH_STATE_LOST', 'ERR_PREFETCH_LOAD_INTERRUPTED', 'ERR_PREFETCH_RELOAD_REFUSED'],
];

class Run {
  readonly primary = new MemoryPrimary<Item>({ records: items(8, 0) });
  readonly timelines = new Timelines(ids, (id) => this.primary.peek(id)?.version ?? null);
  readonly fleet: Fleet;
  readonly #world: SyncWorld;
  readonly #reloads: Promise<unknown>[] = [];
  #version = 0;

  constructor(world: SyncWorld, { maxBatch, redelivered }: Habits) {
    this.#world = world;
    const source = new RedeliveringSource(this.primary, redelivered);
    this.fleet = new Fleet({ world, source, maxBatch });
  }

  async take(next: Step): Promise<void> {
    const { fleet, primary, timelines } = this;
    switch (next.do) {
      case 'write': {
        const record = item(next.id, ++this.#version);
        timelines.became(next.id, record.version);
        if (!primary.update(next.id, record)) primary.add(record);
        return;
      }
      case 'delete':
        if (primary.size === 1) return;
        timelines.became(next.id, null);
        primary.delete(next.id);
        return;
      case 'truncate':
        timelines.allGone();
        primary.truncate();
        return this.take({ do: 'write', id: ids[0]! }); // an empty snapshot is refused, and that is not tried here
      case 'reload':
        await fleet.quiet();
        await fleet.reload();
        return;
      case 'reload and go on':
        this.#reloads.push(fleet.reload().catch(() => undefined)); // a crash ends it
        return;
      case 'pause':
        await fleet.pause().catch(() => undefined); // it was not running any more
        return;
      case 'resume':
        fleet.resume();
        return;
      case 'join':
        return fleet.join();
      case 'stop the writer':
        return fleet.stopWriter();
      case 'crash the writer':
        return fleet.crashWriter();
      case 'cut the connections':
        return this.#world.cutConnections();
      case 'clear':
        await this.#world.cache.clear();
        return;
      case 'catch up':
        return fleet.quiet();
      case 'breathe':
        await this.#world.client.ping();
    }
  }

  /** Looks all records up, again and again, until the returned function is called. */
  watch(): () => Promise<void> {
    let isOver = false;
    const watching = (async () => {
      const isWanted = () => !isOver;
      while (isWanted()) {
        const found = await this.#world.cache.getMany(ids, { deadlineMs: 10_000 });
        if (found.outcome === 'hit' || found.outcome === 'miss') {
          for (const { id, version } of found.records) this.timelines.saw(id, version);
          for (const id of found.missing) this.timelines.saw(id, null);
        }
        await setImmediate();
      }
    })();
    return async () => {
      isOver = true;
      await watching;
    };
  }

  async quiet(): Promise<void> {
    this.fleet.resume();
    await Promise.all(this.#reloads.splice(0));
    await this.fleet.quiet();
  }
}

it.each(layouts)(
  'a lookup shows no older state than the one before, and after quiet the latest, whatever happens: %s',
  async (layout) => {
    let sightings = 0;
    const runs = fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
      fc.record({ maxBatch: fc.constantFrom(1, 2, 500), redelivered: fc.constantFrom(0, 1, 5, 30) }),
      async (steps, habits) => {
        const world = await SyncWorld.open(redis, { layout });
        const run = new Run(world, habits);
        try {
          await run.fleet.join();
          const stopWatching = run.watch();
          for (const next of steps) await run.take(next);
          await run.quiet();
          await stopWatching();
          expect(run.timelines.complaints).toEqual([]);
          expect(await versionsIn(world.cache)).toEqual(versionsOf(await run.primary.list()));
          expect(await world.cache.loadNote()).toMatchObject({ from: 'memory' });
          expect(await world.checkpoint()).toMatch(/\/\d+$/);
          const errors = world.told('worker-error').map(({ error }) => error.code);
          expect(errors.filter((code) => !expectedErrors.includes(code))).toEqual([]);
          sightings += run.timelines.sightings;
        } finally {
          await run.fleet.stop();
          await world.close();
        }
      },
    );
    // A failing run prints its seed and path; PREFETCH_SEED runs it again.
    const seed = Number(process.env['PREFETCH_SEED'] ?? Date.now() % 2 ** 31);
    console.info(`PREFETCH_SEED=${seed}`);
    await fc.assert(runs, { numRuns: 40, seed, endOnFailure: true });
    expect(sightings).toBeGreaterThan(5_000);
  },
  120_000,
);
