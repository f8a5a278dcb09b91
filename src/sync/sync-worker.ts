import type { Entity } from 'redis-om';
import type { Refusal } from '../cache/change.js';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError, optionError } from '../errors.js';
import { type WorkerState, publish } from '../events.js';
import { milliseconds, positiveInteger, refuseUnknownOptions } from '../options.js';
import { type RedisClient, type RedisCommand, dedicatedConnection } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { KeepAlive } from './keep-alive.js';
import { Reload, type ReloadReport } from './reload.js';
import { retrying } from './retry.js';
import type { ChangeBatch, ChangeSource, SourceLag, SourceSession } from './source.js';
import { Turnstile, settlesWithin } from './turnstile.js';

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
  /** The reload that runs, and earlier ones as long as changes from before their snapshots may still come. */
  #reloads: Reload<T>[] = [];
  #reloading: Promise<ReloadReport> | undefined;
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
   * Resolves when the dataset is loaded and followed.
   *
   * @throws PrefetchError when the source or Redis refuses; then the worker has failed and is stopped
   */
  async start(): Promise<void> {
    if (this.#phase !== 'idle')
      throw this.#wrongState('start() was called twice or after stop(): make a new worker.');
    this.#enter('starting');
    try {
      await this.#open();
      this.#enter('following');
    } catch (error) {
      await this.#fail(error);
      throw this.#error ?? this.#wrongState('It was stopped while it started.');
    }
  }

  /**
   * Resolves when nothing is being written, and nothing will be until resume(). Every pause needs its own resume.
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
    return this.#reloadOnce(this.#opened);
  }

  /**
   * Ends what is being written, or gives up after the time, and closes what the worker opened. What was not applied
   * is applied by the next start.
   */
  stop(timeoutMs = 10_000): Promise<void> {
    return (this.#stopping ??= this.#close('stopped', timeoutMs));
  }

  status(): SyncStatus {
    return {
      state: this.#state,
      position: this.#position,
      loading: this.#reloading ? (this.#reloads.at(-1)?.progress ?? null) : null,
      error: this.#error,
      lastAppliedAt: this.#lastAppliedAt,
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
    if (this.#turnstile.isClosed) return 'paused';
    return this.#error ? 'retrying' : this.#phase;
  }

  async #open(): Promise<void> {
    const { signal } = this.#abort;
    const connection = await dedicatedConnection(this.#cache.client, (error) => {
      this.#noteTrouble(toPrefetchError(error));
    });
    connection.on('ready', () => {
      this.#noteTrouble(null);
    });
    this.#connection = connection;
    signal.throwIfAborted();
    const repository = this.#cache.repositoryOn(connection);
    const session = await this.#source.open(signal);
    const keepAlive = new KeepAlive(repository, signal);
    const opened = (this.#opened = { repository, session, keepAlive });
    const { position, reloadUnfinished } = await readCheckpoint(connection, this.#cache.dataset.keys);
    const note = await repository.loadNote();
    const isLoaded = !reloadUnfinished && note?.layout === (await repository.layout());
    const resumed = await session.resume(position);
    this.#inBackground(
      keepAlive.run((error) => {
        this.#noteTrouble(error && toPrefetchError(error));
      }),
    );
    if ('from' in resumed) {
      this.#position = resumed.from;
      this.#follow(opened, resumed.from);
    }
    if (!('from' in resumed) || !isLoaded) await this.#reloadOnce(opened);
  }

  #follow(opened: Opened<T>, after: string): void {
    this.#isFollowing = true;
    this.#inBackground(this.#applyChanges(opened, after));
  }

  async #applyChanges({ repository, session }: Opened<T>, after: string): Promise<void> {
    const { signal } = this.#abort;
    for await (const batch of session.changes(after, { signal, maxBatch: this.#maxBatch })) {
      await this.#write(() => this.#apply(repository, batch));
      if (batch.complete) await session.acknowledge(batch.position);
    }
    if (!signal.aborted) throw new Error('The source ended its changes.');
  }

  async #apply(repository: SyncRepository<T>, batch: ChangeBatch<T>): Promise<void> {
    const { position } = batch;
    let { changes } = batch;
    for (const reload of this.#reloads) changes = reload.admit({ ...batch, changes });
    await repository.apply(changes, {
      position,
      also: (refusals) => this.#concluding(batch, refusals),
    });
    if (!batch.complete) return;
    this.#position = position;
    this.#lastAppliedAt = new Date().toISOString();
    this.#reloads = this.#reloads.filter((reload) => reload.isRunning || !reload.isBehind(position));
  }

  /** Until refused changes have a place to go, they stop the worker before its checkpoint moves past them. */
  #concluding(batch: ChangeBatch<T>, refusals: readonly Refusal<unknown>[]): readonly RedisCommand[] {
    const [refusal] = refusals;
    if (refusal) {
      throw new PrefetchError(
        'ERR_PREFETCH_REFUSED',
        `A change after position ${this.#position ?? 'none'} cannot be applied: ${refusal.reason}. Correct it in the primary and start again. The change: ${JSON.stringify(refusal.subject)}`,
      );
    }
    return batch.complete ? [writeCheckpoint(this.#cache.dataset.keys, batch.position)] : [];
  }

  #reloadOnce(opened: Opened<T>): Promise<ReloadReport> {
    return (this.#reloading ??= this.#reloadNow(opened).finally(() => (this.#reloading = undefined)));
  }

  async #reloadNow(opened: Opened<T>): Promise<ReloadReport> {
    const reload = new Reload<T>({
      repository: opened.repository,
      session: opened.session,
      sourceName: this.#source.name,
      signal: this.#abort.signal,
      write: (work) => this.#write(work),
      onSnapshot: (position) => {
        if (!this.#isFollowing) this.#follow(opened, position);
      },
      applied: () => this.#position,
      reached: (position) => (this.#position = position),
      aliveSince: () => opened.keepAlive.aliveSince,
    });
    this.#reloads.push(reload);
    return reload.run();
  }

  #write<R>(work: () => Promise<R>): Promise<R> {
    return this.#turnstile.pass(async () => {
      const result = await retrying(work, this.#abort.signal, (error) => {
        this.#noteTrouble(error);
      });
      this.#noteTrouble(null);
      return result;
    });
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
    this.#error =
      error instanceof PrefetchError
        ? error
        : new PrefetchError('ERR_PREFETCH_SOURCE', `The source failed: ${String(error)}`, { cause: error });
    publish({ type: 'worker-error', dataset: this.#cache.name, error: this.#error });
    await this.#close('failed', 1_000);
  }

  async #close(phase: 'failed' | 'stopped', timeoutMs: number): Promise<void> {
    const deadline = performance.now() + milliseconds('timeoutMs', timeoutMs);
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
