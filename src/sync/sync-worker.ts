import type { Entity } from 'redis-om';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError, optionError } from '../errors.js';
import { type WorkerState, publish } from '../events.js';
import { milliseconds, positiveInteger, refuseUnknownOptions } from '../options.js';
import type { RedisClient } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import { connectOwn } from '../redis/own-connection.js';
import { readCheckpoint } from './checkpoint.js';
import { Follower } from './follower.js';
import { KeepAlive } from './keep-alive.js';
import { Reload, type ReloadReport } from './reload.js';
import { Reloads } from './reloads.js';
import { retrying } from './retry.js';
import { settlesWithin, unlessAborted } from '../settling.js';
import type { ChangeSource, SourceLag, SourceSession } from './source.js';
import { Turnstile } from './turnstile.js';

export interface SyncWorkerOptions<T extends Entity> {
  /** The dataset to keep current. */
  readonly cache: PrefetchCache<T>;
  /** Where its records and their changes come from. */
  readonly source: ChangeSource<T>;
  /**
   * How many changes one transaction applies at most.
   * @default 500
   */
  readonly maxBatch?: number | undefined;
}

export interface SyncStatus {
  readonly state: WorkerState;
  /** Everything up to here has been applied. */
  readonly position: string | null;
  /** How far the load has come that is running. */
  readonly loading: { readonly loaded: number; readonly refused: number } | null;
  /** Why the worker failed, or what it is trying again because of. */
  readonly error: PrefetchError | null;
  readonly lastAppliedAt: string | null;
  /** What the latest load of this worker loaded, refused and removed; null when it found the dataset loaded. */
  readonly lastLoad: ReloadReport | null;
}

export interface StartOptions {
  /**
   * Load anew and follow from there, whatever an earlier worker left: the way past a change that cannot be applied.
   * @default false
   */
  readonly reload?: boolean | undefined;
}

/** What a started worker works with. */
interface Opened<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly keepAlive: KeepAlive<T>;
}

/**
 * Keeps one dataset current: loads it, applies the changes of its source in order, and remembers in Redis how far
 * it has come.
 *
 * @example
 * const worker = new SyncWorker({ cache: categories, source: primary });
 * await worker.start(); // loaded and following
 * process.on('SIGTERM', () => void worker.stop());
 */
export class SyncWorker<T extends Entity> {
  readonly #cache: PrefetchCache<T>;
  readonly #source: ChangeSource<T>;
  readonly #maxBatch: number;
  readonly #abort = new AbortController();
  readonly #turnstile = new Turnstile(this.#abort.signal);
  #phase: 'idle' | 'starting' | 'following' | 'failed' | 'stopped' = 'idle';
  #announced: WorkerState = 'idle';
  #error: PrefetchError | null = null;
  #position: string | null = null;
  #lastAppliedAt: string | null = null;
  #connection: RedisClient | undefined;
  #opened: Opened<T> | undefined;
  #isFollowing = false;
  readonly #reloads = new Reloads<T>((error) => {
    publish({ type: 'worker-error', dataset: this.#cache.name, error });
  });
  #stopping: Promise<void> | undefined;

  constructor(options: SyncWorkerOptions<T>) {
    refuseUnknownOptions('SyncWorker', options, ['cache', 'source', 'maxBatch']);
    const { cache, source, maxBatch = 500 } = options;
    if (typeof (cache as Partial<PrefetchCache<T>> | undefined)?.repositoryOn !== 'function') {
      throw optionError('cache', 'a PrefetchCache', cache);
    }
    if (typeof (source as Partial<ChangeSource<T>> | undefined)?.open !== 'function') {
      throw optionError('source', 'a source: an object with name and open()', source);
    }
    this.#cache = cache;
    this.#source = source;
    this.#maxBatch = positiveInteger('maxBatch', maxBatch);
  }

  /**
   * Resolves when the dataset is loaded and followed. A worker starts once.
   *
   * @throws PrefetchError when the source or Redis refuses; then the worker has failed and is stopped
   */
  async start(options: StartOptions = {}): Promise<void> {
    refuseUnknownOptions('start()', options, ['reload']);
    if (this.#phase !== 'idle')
      throw this.#wrongState('start() was called twice or after stop(): make a new worker.');
    const { signal } = this.#abort;
    this.#enter('starting');
    try {
      await unlessAborted(this.#open(options.reload ?? false), signal);
      signal.throwIfAborted();
      this.#enter('following');
    } catch (error) {
      await this.#fail(error);
      const failure = this.#state === 'failed' ? this.#error : null;
      throw failure ?? this.#wrongState('It was stopped while it started.');
    }
  }

  /**
   * Resolves when no record and no checkpoint is being written, and none will be until resume(). Records are still kept
   * alive. Every pause needs its own resume.
   *
   * @throws PrefetchError `ERR_PREFETCH_PAUSE_TIMEOUT` when a write does not end in time; then this pause does not hold
   */
  async pause(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    const timeoutMs = milliseconds('timeoutMs', options.timeoutMs ?? 10_000);
    if (!this.#isRunning) throw this.#wrongState('Only a running worker can pause.');
    try {
      await this.#turnstile.close(timeoutMs);
    } finally {
      this.#announce();
    }
  }

  resume(): void {
    this.#turnstile.open();
    this.#announce();
  }

  /**
   * Loads everything again while readers keep reading: records are overwritten in place, then those that the primary
   * no longer has are removed. Called while a reload runs, it is that reload.
   */
  reload(): Promise<ReloadReport> {
    if (this.#phase !== 'following' || !this.#opened) {
      return Promise.reject(this.#wrongState('Only a running worker can reload.'));
    }
    return unlessAborted(this.#reloadOnce(this.#opened), this.#abort.signal).catch((error: unknown) => {
      throw asPrefetchError(error);
    });
  }

  /**
   * Ends what is being written, or gives up after the time, and closes what the worker opened. What was not applied
   * is applied by the next start.
   */
  stop(timeoutMs = 10_000): Promise<void> {
    try {
      milliseconds('timeoutMs', timeoutMs);
    } catch (error) {
      return Promise.reject(toPrefetchError(error));
    }
    return (this.#stopping ??= this.#close('stopped', timeoutMs));
  }

  status(): SyncStatus {
    return {
      state: this.#state,
      position: this.#position,
      loading: this.#reloads.progress,
      error: this.#error,
      lastAppliedAt: this.#lastAppliedAt,
      lastLoad: this.#reloads.latest,
    };
  }

  /** How much of the source's changes is still to be applied, in what the source can tell; null before the load. */
  async lag(): Promise<SourceLag | null> {
    if (this.#position === null || !this.#opened || !this.#isRunning) return null;
    return this.#opened.session.lag(this.#position);
  }

  get #isRunning(): boolean {
    return this.#phase === 'starting' || this.#phase === 'following';
  }

  get #state(): WorkerState {
    if (!this.#isRunning) return this.#phase;
    if (this.#turnstile.isQuiet) return 'paused';
    return this.#error ? 'retrying' : this.#phase;
  }

  async #open(mustReload: boolean): Promise<void> {
    const { signal } = this.#abort;
    const connection = await connectOwn(this.#cache.client, {
      signal,
      onMade: (made) => (this.#connection = made),
      onTrouble: (error) => {
        this.#noteTrouble(error && toPrefetchError(error));
      },
    });
    const session = await this.#source.open(signal);
    const repository = this.#cache.repositoryOn(connection);
    const keepAlive = new KeepAlive(repository, signal);
    const opened = (this.#opened = { repository, session, keepAlive });
    if (signal.aborted) await session.close(); // stop() was quicker
    signal.throwIfAborted();
    const { position, isLoaded } = await this.#patiently(() => this.#found(opened, connection));
    const resumed = await session.resume(mustReload ? null : position);
    const goesOn = 'from' in resumed && isLoaded && (await this.#patiently(() => keepAlive.renew()));
    signal.throwIfAborted();
    this.#inBackground(this.#stayAlive(opened));
    if (goesOn) {
      this.#position = resumed.from;
      this.#follow(opened, resumed.from);
    } else {
      await this.#reloadOnce(opened);
    }
  }

  #stayAlive(opened: Opened<T>): Promise<void> {
    return opened.keepAlive.run(
      (error) => {
        this.#noteTrouble(error && toPrefetchError(error));
      },
      () => {
        this.#inBackground(this.#reloadOnce(opened).then(() => undefined));
      },
    );
  }

  /** What an earlier worker left. */
  async #found(
    { repository }: Opened<T>,
    connection: RedisClient,
  ): Promise<{ position: string | null; isLoaded: boolean }> {
    const { position, reloadUnfinished } = await readCheckpoint(connection, this.#cache.dataset.keys);
    const note = await repository.loadNote();
    return { position, isLoaded: !reloadUnfinished && note?.layout === (await repository.layout()) };
  }

  #follow({ repository, session }: Opened<T>, after: string): void {
    this.#isFollowing = true;
    const follower = new Follower<T>({
      repository,
      session,
      signal: this.#abort.signal,
      maxBatch: this.#maxBatch,
      write: (work) => this.#write(work),
      recordsAreWhole: () => this.#reloads.rows(),
      admitted: (batch) => this.#reloads.admitted(batch),
      applied: () => this.#position,
      reached: (position) => {
        this.#reached(position);
      },
    });
    this.#inBackground(follower.follow(after));
  }

  #reached(position: string): void {
    this.#position = position;
    this.#lastAppliedAt = new Date().toISOString();
    this.#reloads.passed(position);
  }

  #reloadOnce(opened: Opened<T>): Promise<ReloadReport> {
    return this.#reloads.once(() => this.#newReload(opened));
  }

  #newReload(opened: Opened<T>): Reload<T> {
    return new Reload<T>({
      repository: opened.repository,
      session: opened.session,
      sourceName: this.#source.name,
      signal: this.#abort.signal,
      patiently: (work) => this.#patiently(work),
      write: (work) => this.#write(work),
      onSnapshot: (position) => {
        if (!this.#isFollowing) this.#follow(opened, position);
      },
      applied: () => this.#position,
      reached: (position) => (this.#position = position),
      aliveSince: () => opened.keepAlive.aliveSince,
    });
  }

  #write<R>(work: () => Promise<R>): Promise<R> {
    return this.#turnstile.pass(() => this.#patiently(work));
  }

  async #patiently<R>(work: () => Promise<R>): Promise<R> {
    const result = await retrying(work, this.#abort.signal, (error) => {
      this.#noteTrouble(error);
    });
    this.#noteTrouble(null);
    return result;
  }

  #noteTrouble(error: PrefetchError | null): void {
    if (!this.#isRunning || error === this.#error) return;
    this.#error = error;
    if (error) publish({ type: 'worker-error', dataset: this.#cache.name, error });
    this.#announce();
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#abort.signal.aborted) void this.#fail(error);
    });
  }

  async #fail(error: unknown): Promise<void> {
    if (!this.#isRunning) return;
    this.#error = asPrefetchError(error);
    publish({ type: 'worker-error', dataset: this.#cache.name, error: this.#error });
    await this.#close('failed', 1_000);
  }

  async #close(phase: 'failed' | 'stopped', timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.#enter(phase);
    this.#abort.abort(this.#wrongState('It is stopped.'));
    await this.#turnstile.drained(timeoutMs);
    if (this.#opened) {
      const closed = this.#opened.session.close().catch(() => undefined);
      await settlesWithin(closed, Math.max(1, deadline - performance.now()));
    }
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  #enter(phase: 'starting' | 'following' | 'failed' | 'stopped'): void {
    this.#phase = phase;
    this.#announce();
  }

  #announce(): void {
    const state = this.#state;
    if (state === this.#announced) return;
    this.#announced = state;
    publish({
      type: 'worker-state',
      dataset: this.#cache.name,
      state,
      ...(this.#error && { detail: this.#error.message }),
    });
  }

  #wrongState(why: string): PrefetchError {
    return new PrefetchError('ERR_PREFETCH_WORKER_STATE', `The worker is ${this.#state}. ${why}`);
  }
}

/** Errors of Redis are ours already, so that all others come from the source. */
function asPrefetchError(error: unknown): PrefetchError {
  if (error instanceof PrefetchError) return error;
  return new PrefetchError('ERR_PREFETCH_SOURCE', `The source failed: ${String(error)}`, { cause: error });
}
