import type { PrefetchCache } from '../../index.js';
import type { Category } from '../category.js';
import { ConflictError } from '../conflict-error.js';
import type { Crew } from '../crew.js';
import type { Primary } from '../primary/primary.js';
import type { OwnRedis } from './own-redis.js';
import { removeKeysOf } from './remove-keys.js';

export const faultNames = [
  'kill-worker',
  'stop-worker',
  'stall-redis',
  'flush-redis',
  'crash-postgres',
  'poison',
  'drift',
] as const;

export type FaultName = (typeof faultNames)[number];

export interface FaultsOptions {
  readonly cache: PrefetchCache<Category>;
  readonly crew: Crew;
  readonly primary: Primary;
  /** Undefined when the Redis is somebody's. */
  readonly ownRedis: OwnRedis | undefined;
  /** For how long a server that is stalled or crashed is away. */
  readonly pauseMs: number;
  /** Told what has happened, also what happens later. */
  readonly tell: (fault: FaultName, text: string) => void;
}

const notOurs = (server: string) =>
  `This ${server} was there before the app, so it is not the app that may stop it.`;
const handOverMs = 5_000;

/** What can go wrong, at the push of a button. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly #faults: Readonly<Record<FaultName, () => string | Promise<string>>> = {
    'kill-worker': () => this.#killWorker(),
    'stop-worker': () => this.#stopWorker(),
    'stall-redis': () => this.#stallRedis(),
    'flush-redis': () => this.#flushRedis(),
    'crash-postgres': () => this.#crashPostgres(),
    poison: () => this.#options.primary.poison(),
    drift: () => this.#drift(),
  };

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** All of them, with the reason for those that cannot be brought about here. */
  get list(): { name: FaultName; whyNot?: string }[] {
    const { ownRedis, primary } = this.#options;
    const { server } = primary;
    const reasons: Partial<Record<FaultName, string | false | undefined>> = {
      'stall-redis': !ownRedis && notOurs('Redis'),
      'crash-postgres': server && !server.crash && notOurs('Postgres'),
    };
    return faultNames.flatMap((name) => {
      if (name === 'crash-postgres' && !server) return [];
      const whyNot = reasons[name];
      return [typeof whyNot === 'string' ? { name, whyNot } : { name }];
    });
  }

  /**
   * Brings it about and says what was done.
   *
   * @throws ConflictError when it cannot be done now
   */
  async bringAbout(name: FaultName): Promise<string> {
    const text = await this.#faults[name]();
    this.#options.tell(name, text);
    return text;
  }

  /** Ends what a fault has left behind. */
  end(): void {
    this.#options.ownRedis?.goOn();
  }

  #killWorker(): string {
    const { crew } = this.#options;
    const name = crew.killWriter();
    return `${name} has lost its connection for good and says nothing more. ${this.#successor()}`;
  }

  async #stopWorker(): Promise<string> {
    const name = await this.#options.crew.stopWriter(handOverMs);
    return `${name} was stopped and has handed over.`;
  }

  #stallRedis(): string {
    const { ownRedis, pauseMs, tell } = this.#options;
    if (!ownRedis) throw new ConflictError(notOurs('Redis'));
    ownRedis.stall(pauseMs, () => {
      tell('stall-redis', 'Redis goes on.');
    });
    return `Redis is stopped for ${pauseMs / 1000} s: connections stay open, and nothing answers.`;
  }

  async #flushRedis(): Promise<string> {
    const { cache, ownRedis } = this.#options;
    if (ownRedis) {
      await cache.client.sendCommand(['FLUSHALL']);
      return 'Redis was flushed: everything in it is gone.';
    }
    const removed = await removeKeysOf(cache);
    return `All ${removed} keys of ${cache.name} were removed; what else is in this Redis is left alone.`;
  }

  async #crashPostgres(): Promise<string> {
    const { primary, pauseMs, tell } = this.#options;
    if (!primary.server) throw new ConflictError('The primary is in memory: there is no Postgres.');
    if (!primary.server.crash) throw new ConflictError(notOurs('Postgres'));
    await primary.server.crash(pauseMs, () => {
      tell('crash-postgres', 'Postgres is back, with its data.');
    });
    return `Postgres has crashed, and comes back after ${pauseMs / 1000} s. Lookups do not need it.`;
  }

  async #drift(): Promise<string> {
    const { cache, primary } = this.#options;
    for (const id of [...(await primary.ids())].sort()) {
      const removed = await cache.client.sendCommand(['UNLINK', `${cache.name}:${id}`]);
      if (removed === 1) return `The record ${id} was removed from Redis by hand, and nobody was told.`;
    }
    throw new ConflictError('Redis holds none of the records of the primary.');
  }

  #successor(): string {
    const { crew } = this.#options;
    const standsBy = crew.workers.some((worker) => worker.status().state === 'standby');
    return standsBy
      ? `Another takes over within ${crew.takeoverMs / 1000} s.`
      : 'No other stands by: until there is a new one, nothing is applied.';
  }
}
