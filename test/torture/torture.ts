import { PrefetchCache } from '../../src/index.js';
import { type Item, itemSchema } from '../support/item.js';
import { uniquePrefix, startTestRedis, type TestRedis } from '../support/redis.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { Aftermath } from './aftermath.js';
import type { Application } from './application.js';
import { CacheView } from './cache-view.js';
import { Diary } from './diary.js';
import { Fleet } from './fleet.js';
import { Judge } from './judge.js';
import { lineFaults } from './line-faults.js';
import { Model } from './model.js';
import { Nemesis } from './nemesis.js';
import { operatorFaults } from './operator-faults.js';
import type { TortureOptions } from './options.js';
import { startPrimary } from './primaries.js';
import type { Primary } from './primary.js';
import { Random } from './random.js';
import { Reader, type Tally } from './reader.js';
import { redisFaults, setBacks } from './redis-faults.js';
import { watchTtls } from './ttl-watch.js';
import { Verdict } from './verdict.js';
import { WebProcess } from './web-process.js';
import { workerFaults } from './worker-faults.js';

const deadlineMs = 300;
const takeoverMs = 1_000;
const readersOfEach = 6;

const commonLanes = {
  workers: workerFaults,
  lines: lineFaults,
  redis: redisFaults,
  'set-backs': setBacks,
  operators: operatorFaults,
};
/** Which faults come together. A loss shows best where nothing makes the cache load everything again. */
const commonBouts: readonly (readonly string[])[] = [
  ['workers', 'lines'],
  ['set-backs', 'workers', 'lines'],
  ['redis', 'operators', 'lines'],
];

interface Course {
  readonly nemesis: Nemesis;
  readonly bouts: readonly (readonly string[])[];
  readonly changes: Application;
  readonly aftermath: Aftermath;
}

/** One run: everything that takes part in it, from the first process to the verdict. */
export class Torture {
  readonly diary = new Diary();
  readonly verdict = new Verdict(this.diary);
  readonly #options: TortureOptions;
  readonly #random: Random;
  readonly #model: Model;
  readonly #tally: Tally = { hits: 0, misses: 0, unavailable: 0 };
  readonly #abort = new AbortController();
  readonly #webs: WebProcess[] = [];
  #redis: TestRedis | undefined;
  #webLine: TcpProxy | undefined;
  #fleet: Fleet | undefined;
  #primary: Primary | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TortureOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#model = new Model(options.records);
  }

  get changes(): number {
    return this.#model.changes;
  }

  /** False: a clean verdict would say nothing. */
  get wasReal(): boolean {
    return this.changes > 0 && Object.values(this.#tally).every((count) => count > 0);
  }

  async run(): Promise<void> {
    const { workers, layout, source } = this.#options;
    const redis = (this.#redis = await startTestRedis({ private: true }));
    const primary = (this.#primary = await startPrimary(source, this.#model, this.#random));
    const changes = primary.application;
    const judge = new Judge(this.#model, this.verdict);
    await changes.fill();
    judge.begin();

    const dataset = uniquePrefix('cache:item');
    const fleet = (this.#fleet = await Fleet.launch(
      workers,
      redis.port,
      primary,
      {
        dataset,
        layout,
        ttlSeconds: this.#random.pick([3, 8, 60]),
        worker: {
          takeoverMs,
          maxBatch: this.#random.pick([100, 500]),
          ...(this.#random.chance(0.3) && { reconcile: { everyMs: 1_000, repair: true } }),
        },
      },
      this,
    ));
    const webLine = (this.#webLine = await startTcpProxy(redis.port));
    const ports = await this.#startWebs({ redisUrl: webLine.url, dataset, layout, deadlineMs });
    await Promise.all(fleet.crews.map(({ worker }) => worker.is('following', 'standby')));
    this.diary.say('All workers are there.');

    const client = await redis.client();
    const cleared = new PrefetchCache<Item>({ client, schema: itemSchema(dataset, layout) });
    const cache = new CacheView(client, dataset, layout);
    const readers = ports.flatMap((port) => this.#readers(port, judge));
    const { signal } = this.#abort;
    const watching = Promise.all([
      ...readers.map((reader) => reader.run(signal)),
      watchTtls(cache, this.verdict, signal),
    ]);
    const victims = {
      redis,
      fleet,
      webLine,
      changes,
      judge,
      takeoverMs,
      clear: () => cleared.clear().catch(() => undefined),
    };
    const lanes = { ...commonLanes, ...primary.lanes };
    const nemesis = new Nemesis({ victims, lanes, random: this.#random.fork(), diary: this.diary });
    const { verdict, diary } = this;
    const aftermath = new Aftermath({ model: this.#model, cache, changes, fleet, verdict, diary });
    // Set-backs of their own beside the other faults of Redis would hit one that is down.
    const together = Object.keys(lanes).filter((name) => name !== 'set-backs');
    const bouts = [...commonBouts, ...primary.bouts, together];
    await this.#bouts({ nemesis, bouts, changes, aftermath });
    this.#abort.abort();
    await watching;
    this.#tell();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Ends all processes at once. */
  abandon(): void {
    this.#fleet?.abandon();
    for (const web of this.#webs) web.kill();
  }

  async #close(): Promise<void> {
    this.#abort.abort();
    for (const web of this.#webs) web.kill();
    await this.#fleet?.close();
    await this.#webLine?.close();
    await this.#primary?.close();
    await this.#redis?.stop();
  }

  /** Bouts until the time is over and every fault has come, or until one leaves behind what must not be. */
  async #bouts({ nemesis, bouts, changes, aftermath }: Course): Promise<void> {
    const until = performance.now() + this.#options.seconds * 1_000;
    for (let i = 0; ; i++) {
      const isLast = performance.now() >= until;
      if (isLast && nemesis.isThrough) break;
      const seconds = this.#random.integer(4, 7);
      await changes.during(() =>
        isLast ? nemesis.lastBout() : nemesis.bout(bouts[i % bouts.length]!, seconds),
      );
      this.#tell();
      if (!(await aftermath.isHealed())) return;
      this.diary.note('The cache is what the primary is.');
    }
    await aftermath.isComplete();
  }

  async #startWebs(options: ConstructorParameters<typeof WebProcess>[0]): Promise<number[]> {
    for (let i = 0; i < this.#options.webs; i++) this.#webs.push(new WebProcess(options));
    return Promise.all(this.#webs.map(({ port }) => port));
  }

  #readers(port: number, judge: Judge): Reader[] {
    const context = {
      ids: this.#model.ids,
      judge,
      verdict: this.verdict,
      tally: this.#tally,
      patienceMs: deadlineMs + 5_000,
    };
    return Array.from({ length: readersOfEach }, () => new Reader(context, port, this.#random.fork()));
  }

  #tell(): void {
    const { hits, misses, unavailable } = this.#tally;
    this.diary.say(`${this.changes} changes; ${hits} hits, ${misses} misses, ${unavailable} times 503`);
  }
}
