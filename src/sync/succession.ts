import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import type { PrefetchError, PrefetchErrorCode } from '../errors.js';
import type { RedisClient } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Fence } from '../redis/fence.js';
import { connectOwn } from '../redis/own-connection.js';
import { type Patience, pauseBefore, retrying } from '../redis/patience.js';
import { settlesWithin, unlessAborted } from '../settling.js';
import { asPrefetchError } from './as-prefetch-error.js';
import { Lease } from './lease.js';
import type { ChangeSource } from './source.js';
import { type BeginOptions, type OnTrouble, Term } from './term.js';
import type { Turnstile } from './turnstile.js';
import type { WorkerSettings } from './worker-settings.js';

export interface SuccessionContext<T extends Entity> {
  readonly cache: PrefetchCache<T>;
  readonly source: ChangeSource<T>;
  readonly settings: WorkerSettings;
  /** Aborts when the worker is stopped or has failed. */
  readonly signal: AbortSignal;
  readonly turnstile: Turnstile;
  /** Nothing keeps the worker from writing. */
  readonly isWell: () => boolean;
  readonly onTrouble: OnTrouble;
  /** The dataset is loaded, and another worker writes it. */
  readonly onStandby: () => void;
  /** The dataset is loaded, and this worker follows. */
  readonly onFollowing: () => void;
  /** A term has ended; there will be another. */
  readonly onTermOver: (reason: PrefetchError) => void;
}

/** What trying again cannot help against. */
const fatal: readonly PrefetchErrorCode[] = [
  'ERR_PREFETCH_OPTION',
  'ERR_PREFETCH_CLIENT_CLOSED',
  'ERR_PREFETCH_NO_PERMISSION',
  'ERR_PREFETCH_UNSUPPORTED_SERVER',
  'ERR_PREFETCH_COMMAND_FAILED',
  'ERR_PREFETCH_WRONG_TYPE',
];

/** The lease or what lies in Redis is not what it was: the next term may begin at once, and finds out what is. */
const endsTermOnly: readonly PrefetchErrorCode[] = ['ERR_PREFETCH_LEASE_LOST', 'ERR_PREFETCH_STATE_LOST'];

const longestPauseMs = 30_000;
const releaseMs = 500;
const laterTerm: BeginOptions = { reload: false, force: false, isFirst: false };
/** A connection on which nothing comes for so many leases is not only slow. */
const silentLeases = 4;

/** One worker among those of a dataset: stands by until it has the lease, writes for a term, stands by again. */
export class Succession<T extends Entity> {
  readonly #context: SuccessionContext<T>;
  #connection: RedisClient | undefined;
  #lease: Lease | undefined;
  #term: Term<T> | undefined;
  #writer: string | null = null;
  /** The dataset was loaded once, by this worker or another: from here on failures are tried again. */
  #hasStarted = false;
  /** No other worker was heard of since this one had the lease: paused or not, it keeps what is there alive. */
  #isOwner = false;

  constructor(context: SuccessionContext<T>) {
    this.#context = context;
  }

  /** The term that runs, if this worker writes. */
  get term(): Term<T> | undefined {
    return this.#term;
  }

  /** The name of the worker that writes, as far as this one has heard. */
  get writer(): string | null {
    return this.#writer;
  }

  get connection(): RedisClient | undefined {
    return this.#connection;
  }

  /** Rejects when the worker is stopped, or when nothing can be done. */
  async run(options: BeginOptions): Promise<never> {
    const { signal, cache, settings } = this.#context;
    this.#connection = await unlessAborted(this.#connect(), signal);
    const { name, leaseMs } = settings;
    const ttlMs = cache.ttlSeconds * 1000;
    this.#lease = new Lease(this.#connection, cache.dataset.keys, name, leaseMs, ttlMs);
    // Each term begins with renewing what is due: nothing must expire in between.
    const longestMs = Math.min(longestPauseMs, ttlMs / 6);
    for (let failures = 0; ;) {
      signal.throwIfAborted(); // whoever heard of the end of the last term may have stopped the worker
      const fence = await unlessAborted(this.#standBy(this.#lease), signal);
      const begunAt = performance.now();
      const failure = await this.#serve(fence, this.#hasStarted ? laterTerm : options);
      signal.throwIfAborted();
      const isOver = endsTermOnly.includes(failure.code);
      if (fatal.includes(failure.code) || !(isOver || this.#hasStarted)) throw failure;
      this.#context.onTermOver(failure);
      if (performance.now() - begunAt > longestPauseMs) failures = 0;
      if (!isOver) await sleep(pauseBefore(failures++, longestMs), undefined, { signal });
      else failures = 0;
    }
  }

  /** Ends the term, so that another worker can take over at once, and the connection. */
  async close(reason: unknown, timeoutMs: number): Promise<void> {
    if (this.#term) await this.#term.close(reason, timeoutMs);
    else if (this.#lease) await settlesWithin(this.#lease.release(), Math.min(releaseMs, timeoutMs));
    this.#connection?.destroy();
  }

  #connect(): Promise<RedisClient> {
    const { cache, settings, signal, onTrouble } = this.#context;
    return connectOwn(cache.client, {
      signal,
      silenceMs: silentLeases * settings.leaseMs,
      onMade: (made) => (this.#connection = made),
      onTrouble: (error) => {
        onTrouble('connection', error && toPrefetchError(error));
      },
    });
  }

  /** Resolves when this worker may write. A paused one leaves it to others, unless it was the one. */
  async #standBy(lease: Lease): Promise<Fence> {
    const { settings, signal, turnstile, onStandby } = this.#context;
    for (;;) {
      if (!turnstile.isQuiet || this.#isOwner) {
        const taken = await this.#patience(signal)(() => lease.take());
        if (typeof taken !== 'string') return taken;
        this.#isOwner = false;
        this.#writer = taken;
        if (await this.#isLoaded()) {
          this.#hasStarted = true;
          onStandby();
        }
      }
      await sleep(settings.beatMs, undefined, { signal });
    }
  }

  async #isLoaded(): Promise<boolean> {
    const { cache, signal } = this.#context;
    if (!this.#connection) return false;
    const writer = { name: this.#context.settings.name, patiently: this.#patience(signal) };
    return (await cache.repositoryOn(this.#connection, writer).loads.note()) !== null;
  }

  /** Writes until that must end, and says why. */
  async #serve(fence: Fence, options: BeginOptions): Promise<PrefetchError> {
    const { signal, settings, onFollowing } = this.#context;
    const ending = new AbortController();
    const end = () => {
      ending.abort(signal.reason);
    };
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    this.#isOwner = true;
    const term = (this.#term = this.#newTerm(fence, ending));
    this.#writer = settings.name;
    let failure: PrefetchError;
    try {
      await Promise.race([term.begin(options), term.over]);
      this.#hasStarted = true;
      onFollowing();
      failure = await term.over;
    } catch (error) {
      failure = (await this.#whyOver(fence)) ?? asPrefetchError(error);
    }
    signal.removeEventListener('abort', end);
    // A worker that is stopped ends its term itself, in the time that it was given.
    if (signal.aborted) return failure;
    await term.close(failure, settings.leaseMs);
    this.#term = undefined;
    this.#writer = null;
    return failure;
  }

  /** Whoever has lost the lease may hear first of something else that comes of it, such as a feed that went on without it. */
  async #whyOver(fence: Fence): Promise<PrefetchError | undefined> {
    const keeping = this.#lease?.keep(fence, false).then(
      () => undefined,
      (error: unknown) => asPrefetchError(error),
    );
    if (!keeping || !(await settlesWithin(keeping, releaseMs))) return undefined;
    const error = await keeping;
    return error && endsTermOnly.includes(error.code) ? error : undefined;
  }

  #newTerm(fence: Fence, ending: AbortController): Term<T> {
    const { cache, source, settings, turnstile, isWell, onTrouble } = this.#context;
    if (!this.#connection || !this.#lease) throw new Error('There is no connection yet.');
    const writer = { name: settings.name, fence, patiently: this.#patience(ending.signal) };
    return new Term<T>({
      repository: cache.repositoryOn(this.#connection, writer),
      source,
      lease: this.#lease,
      fence,
      settings,
      turnstile,
      ending,
      isWell,
      onTrouble,
    });
  }

  #patience(signal: AbortSignal): Patience {
    const { onTrouble } = this.#context;
    return async (work) => {
      try {
        return await retrying(work, signal, (error) => {
          onTrouble(work, error);
        });
      } finally {
        onTrouble(work, null);
      }
    };
  }
}
