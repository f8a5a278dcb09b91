import type { Entity } from 'redis-om';
import type { PrefetchCache } from '../cache/prefetch-cache.js';
import { PrefetchError, optionError } from '../errors.js';
import { type WorkerState, publish } from '../events.js';
import { milliseconds, refuseUnknownOptions } from '../options.js';
import { toPrefetchError } from '../redis/failure.js';
import { unlessAborted } from '../settling.js';
import { asPrefetchError } from './as-prefetch-error.js';
import { CommandSender } from './command-sender.js';
import type { CommandArguments } from './commands.js';
import type { ReconcileReport } from './reconciliation.js';
import type { ReloadReport } from './reload.js';
import type { ChangeSource, SourceLag } from './source.js';
import { Succession } from './succession.js';
import type { SyncStatus } from './sync-status.js';
import { Turnstile } from './turnstile.js';
import type { Upkeep } from './upkeep.js';
import {
  type StartOptions,
  type WorkerOptions,
  type WorkerSettings,
  resolveSettings,
  workerOptionNames,
} from './worker-settings.js';

export interface SyncWorkerOptions<T extends Entity> extends WorkerOptions {
  /** The dataset to keep current. */
  readonly cache: PrefetchCache<T>;
  /** Where its records and their changes come from. */
  readonly source: ChangeSource<T>;
}

/** What a failed worker gets for ending what it does. */
const failedStopMs = 1_000;
/** Large datasets take their time, and who waits can go away. */
const commandTimeoutMs = 3_600_000;

/**
 * Keeps one dataset current: loads it, applies the changes of its source in order, and remembers in Redis how far
 * it has come. Of all workers of a dataset one writes; the others stand by and take over.
 *
 * @example
 * const worker = new SyncWorker({ cache: categories, source: primary });
 * await worker.start(); // loaded, and followed by this worker or another
 * process.on('SIGTERM', () => void worker.stop());
 */
export class SyncWorker<T extends Entity> {
  readonly #cache: PrefetchCache<T>;
  readonly #settings: WorkerSettings;
  readonly #abort = new AbortController();
  readonly #turnstile = new Turnstile(this.#abort.signal);
  readonly #succession: Succession<T>;
  #phase: 'idle' | 'starting' | 'standby' | 'following' | 'failed' | 'stopped' = 'idle';
  #announced: WorkerState = 'idle';
  /** What is tried again, each with the latest reason. */
  readonly #troubles = new Map<unknown, PrefetchError>();
  /** What the term before ended with, or the worker failed with. */
  #failure: PrefetchError | null = null;
  #started: () => void = () => undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: SyncWorkerOptions<T>) {
    refuseUnknownOptions('SyncWorker', options, ['cache', 'source', ...workerOptionNames]);
    const { cache, source } = options;
    if (typeof (cache as Partial<PrefetchCache<T>> | undefined)?.repositoryOn !== 'function') {
      throw optionError('cache', 'a PrefetchCache', cache);
    }
    if (typeof (source as Partial<ChangeSource<T>> | undefined)?.open !== 'function') {
      throw optionError('source', 'a source: an object with name and open()', source);
    }
    this.#cache = cache;
    this.#settings = resolveSettings(options);
    this.#succession = new Succession({
      cache,
      source,
      settings: this.#settings,
      signal: this.#abort.signal,
      turnstile: this.#turnstile,
      isWell: () => this.#troubles.size === 0 && !this.#turnstile.isQuiet,
      onTrouble: (about, error) => {
        this.#noteTrouble(about, error);
      },
      onStandby: () => {
        this.#go('standby');
      },
      onFollowing: () => {
        this.#go('following');
      },
      onTermOver: (reason) => {
        this.#termOver(reason);
      },
    });
  }

  /**
   * Resolves when the dataset is loaded, and this worker follows or stands by. A worker starts once.
   *
   * @throws PrefetchError when the source or Redis refuses; then the worker has failed and is stopped
   */
  async start(options: StartOptions = {}): Promise<void> {
    refuseUnknownOptions('start()', options, ['reload', 'force']);
    if (this.#phase !== 'idle')
      throw this.#wrongState('start() was called twice or after stop(): make a new worker.');
    this.#enter('starting');
    const started = new Promise<void>((resolve) => (this.#started = resolve));
    const begin = { reload: options.reload ?? false, force: options.force ?? false, isFirst: true };
    const lived = this.#succession.run(begin).catch((error: unknown) => this.#fail(error));
    await Promise.race([started, lived]);
    if (options.reload && this.#isStandingBy) {
      await this.reload({ force: options.force }).catch((error: unknown) => this.#fail(error));
    }
    if (this.#isRunning) return;
    const failure = this.#state === 'failed' ? this.#failure : null;
    throw failure ?? this.#wrongState('It was stopped while it started.');
  }

  /**
   * Resolves when no record and no checkpoint is being written, and none will be until resume(). Records are still kept
   * alive, and no other worker writes instead. Every pause needs its own resume.
   *
   * @throws PrefetchError `ERR_PREFETCH_PAUSE_TIMEOUT` when a write does not end in time; then this pause does not hold
   */
  async pause(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    refuseUnknownOptions('pause()', options, ['timeoutMs']);
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
   * no longer has are removed. Called while a reload runs, it is that reload. The worker that writes does it.
   *
   * @throws PrefetchError `ERR_PREFETCH_RELOAD_REFUSED` when it would remove more than `maxShrink`, unless forced
   */
  reload(options: CommandArguments['reload'] = {}): Promise<ReloadReport> {
    refuseUnknownOptions('reload()', options, ['force']);
    return this.#byTheWriter(
      (upkeep) => upkeep.reload(options),
      (sender) => sender.ask('reload', options, commandTimeoutMs) as Promise<ReloadReport>,
    );
  }

  /**
   * Compares every record with the primary while changes keep being applied, and writes and removes what differs if
   * told to. The worker that writes does it.
   */
  reconcile(options: CommandArguments['reconcile'] = {}): Promise<ReconcileReport> {
    refuseUnknownOptions('reconcile()', options, ['repair', 'force']);
    return this.#byTheWriter(
      (upkeep) => upkeep.reconcile(options),
      (sender) => sender.ask('reconcile', options, commandTimeoutMs) as Promise<ReconcileReport>,
    );
  }

  /**
   * Ends what is being written, or gives up after the time, closes what the worker opened, and lets another write. What
   * was not applied is applied by the next start, or by another worker.
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
    const { term, writer } = this.#succession;
    return {
      state: this.#state,
      name: this.#settings.name,
      writer,
      position: term?.upkeep?.position ?? null,
      loading: term?.upkeep?.loading ?? null,
      error: this.#error,
      lastAppliedAt: term?.upkeep?.lastAppliedAt ?? null,
      lastLoad: term?.upkeep?.lastLoad ?? null,
      deadLetters: term?.letters.waiting ?? null,
    };
  }

  /** How much of the source's changes is still to be applied, in what the source can tell; null if others apply them. */
  async lag(): Promise<SourceLag | null> {
    const upkeep = this.#succession.term?.upkeep;
    return this.#isRunning && upkeep ? upkeep.lag() : null;
  }

  get #error(): PrefetchError | null {
    return [...this.#troubles.values()].at(-1) ?? this.#failure;
  }

  get #isStandingBy(): boolean {
    return this.#phase === 'standby';
  }

  get #isRunning(): boolean {
    return this.#phase === 'starting' || this.#phase === 'standby' || this.#phase === 'following';
  }

  get #state(): WorkerState {
    if (this.#phase === 'failed' || this.#phase === 'stopped' || this.#phase === 'idle') return this.#phase;
    if (this.#turnstile.isQuiet) return 'paused';
    return this.#error ? 'retrying' : this.#phase;
  }

  async #byTheWriter<R>(
    directly: (upkeep: Upkeep<T>) => Promise<R>,
    ask: (sender: CommandSender) => Promise<R>,
  ): Promise<R> {
    const { term, connection } = this.#succession;
    const work = () => {
      if (this.#phase === 'following' && term?.upkeep) return directly(term.upkeep);
      if (this.#phase === 'standby' && connection) {
        return ask(new CommandSender(connection, this.#cache.dataset.keys));
      }
      throw this.#wrongState('Only a running worker can do that.');
    };
    try {
      return await unlessAborted(work(), this.#abort.signal);
    } catch (error) {
      throw asPrefetchError(error);
    }
  }

  #noteTrouble(about: unknown, error: PrefetchError | null): void {
    if (!this.#isRunning) return;
    if (error) {
      this.#troubles.set(about, error);
      this.#tell(error);
    } else if (!this.#troubles.delete(about)) {
      return;
    }
    this.#announce();
  }

  /** The next term is tried; while it cannot begin, the reason stays. */
  #termOver(reason: PrefetchError): void {
    this.#tell(reason);
    this.#failure = reason;
    this.#enter('standby');
  }

  #go(phase: 'standby' | 'following'): void {
    if (!this.#isRunning) return;
    this.#failure = null;
    this.#enter(phase);
    this.#started();
  }

  async #fail(error: unknown): Promise<void> {
    if (!this.#isRunning) return;
    this.#failure = asPrefetchError(error);
    this.#troubles.clear();
    this.#tell(this.#failure);
    await this.#close('failed', failedStopMs);
  }

  async #close(phase: 'failed' | 'stopped', timeoutMs: number): Promise<void> {
    this.#enter(phase);
    const reason = this.#wrongState('It is stopped.');
    this.#abort.abort(reason);
    await this.#succession.close(reason, timeoutMs);
  }

  #enter(phase: 'starting' | 'standby' | 'following' | 'failed' | 'stopped'): void {
    this.#phase = phase;
    this.#announce();
  }

  #announce(): void {
    const state = this.#state;
    if (state === this.#announced) return;
    this.#announced = state;
    const { error } = this.status();
    publish({
      type: 'worker-state',
      dataset: this.#cache.name,
      worker: this.#settings.name,
      state,
      ...(error && { detail: error.message }),
    });
  }

  #tell(error: PrefetchError): void {
    publish({ type: 'worker-error', dataset: this.#cache.name, worker: this.#settings.name, error });
  }

  #wrongState(why: string): PrefetchError {
    return new PrefetchError('ERR_PREFETCH_WORKER_STATE', `The worker is ${this.#state}. ${why}`);
  }
}
