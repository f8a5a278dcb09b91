import type { Entity } from 'redis-om';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError } from '../errors.js';
import { publish } from '../events.js';
import type { Fence } from '../redis/fence.js';
import { settlesWithin, unlessAborted } from '../settling.js';
import { asPrefetchError } from './as-prefetch-error.js';
import { beat } from './beat.js';
import { readCheckpoint } from './checkpoint.js';
import { CommandDesk } from './command-desk.js';
import { DeadLetterKeeper } from './dead-letter-keeper.js';
import { KeepAlive } from './keep-alive.js';
import { Healing } from './healing.js';
import type { Kept, Lease } from './lease.js';
import type { ChangeSource, SourceSession } from './source.js';
import type { Turnstile } from './turnstile.js';
import { Upkeep } from './upkeep.js';
import type { WorkerSettings } from './worker-settings.js';

/** What goes wrong with something that is tried again; null when it is well, or given up. */
export type OnTrouble = (about: unknown, error: PrefetchError | null) => void;

export interface TermContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly source: ChangeSource<T>;
  readonly lease: Lease;
  readonly fence: Fence;
  readonly settings: WorkerSettings;
  readonly turnstile: Turnstile;
  /** Aborts when the term is over. */
  readonly ending: AbortController;
  /** The worker is not paused, and nothing keeps it from writing. */
  readonly isWell: () => boolean;
  readonly onTrouble: OnTrouble;
}

export interface BeginOptions {
  /** Load anew, whatever an earlier worker left. */
  readonly reload: boolean;
  readonly force: boolean;
  /** Nobody relies on this worker yet: a load that is refused ends it, so that somebody looks. */
  readonly isFirst: boolean;
}

/**
 * The time in which a worker is the one that writes: from when it has the lease until it loses it, or its source, or
 * is stopped. Each term looks anew at what is in Redis, and opens the source anew.
 */
export class Term<T extends Entity> {
  /** Rejects when the term is over, with the reason. */
  readonly over: Promise<never>;
  readonly letters: DeadLetterKeeper<T>;
  readonly #context: TermContext<T>;
  readonly #signal: AbortSignal;
  readonly #keepAlive: KeepAlive<T>;
  #session: SourceSession<T> | undefined;
  #upkeep: Upkeep<T> | undefined;
  /** Once the dataset is loaded and followed, others are heard, and what Redis loses is loaded again. */
  #begun: { readonly desk: CommandDesk<T>; readonly healing: Healing } | undefined;
  #wasConnected = true;
  /** Why the dataset could not be loaded although it must be. */
  #refusal: PrefetchError | undefined;
  #end: (reason: unknown) => void = () => undefined;

  constructor(context: TermContext<T>) {
    const { repository, settings } = context;
    this.#context = context;
    this.#signal = context.ending.signal;
    this.over = new Promise((_, reject) => (this.#end = reject));
    this.over.catch(() => undefined); // it may be over before anybody waits for it
    this.letters = new DeadLetterKeeper(repository, settings.maxDeadLetters);
    this.#keepAlive = new KeepAlive(repository, this.#signal);
  }

  /** As soon as the source is open. */
  get upkeep(): Upkeep<T> | undefined {
    return this.#upkeep;
  }

  /** Resolves when the dataset is loaded and followed. */
  async begin(options: BeginOptions): Promise<void> {
    const { source, repository, settings } = this.#context;
    this.#inBackground(this.#beat());
    await unlessAborted(this.letters.load(), this.#signal);
    const { position, isLoaded } = await this.#found();
    // Before the source is opened: what is there must not expire because the primary is away.
    const isAlive = await this.#keepAlive.renewIfDue();
    this.#inBackground(this.#stayAlive());
    const session = (this.#session = await unlessAborted(this.#open(source), this.#signal));
    const upkeep = (this.#upkeep = this.#upkeepWith(session));
    const resumed = await unlessAborted(session.resume(options.reload ? null : position), this.#signal);
    if ('from' in resumed && isLoaded && isAlive) {
      upkeep.goOnFrom(resumed.from);
    } else {
      const why = 'from' in resumed ? 'What is in Redis is not a complete load.' : resumed.detail;
      await this.#load(upkeep, options, why);
    }
    this.#begun = {
      desk: new CommandDesk(repository.access, this.#signal, upkeep),
      healing: new Healing(
        (why) => upkeep.load(false, why),
        (error) => {
          this.#unlessItGoesOn(error);
        },
      ),
    };
    await this.#sayFollowing();
    if (settings.reconcile) this.#inBackground(upkeep.reconcileOnSchedule(settings.reconcile));
  }

  /** Ends what is being written, or gives up after the time, and lets another worker write. */
  async close(reason: unknown, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const left = () => Math.max(1, deadline - performance.now());
    const { ending, turnstile, lease, onTrouble } = this.#context;
    ending.abort(reason);
    this.#end(reason);
    for (const about of ['silence', 'keep-alive', 'load', 'source']) onTrouble(about, null);
    await turnstile.drained(left());
    const released = lease.release().catch(() => undefined);
    if (this.#session)
      await settlesWithin(
        this.#session.close().catch(() => undefined),
        left(),
      );
    await settlesWithin(released, Math.min(1_000, left()));
  }

  #upkeepWith(session: SourceSession<T>): Upkeep<T> {
    const { source, onTrouble } = this.#context;
    return new Upkeep({
      ...this.#context,
      session,
      sourceName: source.name,
      signal: this.#signal,
      letters: this.letters,
      aliveSince: () => this.#keepAlive.aliveSince,
      onLoaded: () => {
        this.#refusal = undefined;
        onTrouble('load', null);
      },
      onFailure: this.#end,
    });
  }

  async #open(source: ChangeSource<T>): Promise<SourceSession<T>> {
    const { repository, settings } = this.#context;
    const session = await source.open(this.#signal, ({ code, message }) => {
      const dataset = repository.dataset.name;
      publish({ type: 'source-warning', dataset, worker: settings.name, source: source.name, code, message });
    });
    if (this.#signal.aborted) await session.close(); // it was over more quickly
    return session;
  }

  /** What an earlier worker left. */
  async #found(): Promise<{ position: string | null; isLoaded: boolean }> {
    const { access, loads } = this.#context.repository;
    const { position, reloadUnfinished } = await readCheckpoint(access);
    const note = await loads.note();
    return { position, isLoaded: !reloadUnfinished && note?.layout === (await access.layout()) };
  }

  /** A load that is refused does not end the term: whoever is to force it must be heard. */
  async #load(upkeep: Upkeep<T>, options: BeginOptions, why: string): Promise<void> {
    try {
      await unlessAborted(upkeep.load(options.force, why), this.#signal);
    } catch (error) {
      if (options.isFirst || !isRefusal(error)) throw error;
      this.#refusal = error;
      this.#context.onTrouble('load', error);
    }
  }

  #beat(): Promise<void> {
    const { lease, fence, settings } = this.#context;
    return beat({
      lease,
      fence,
      everyMs: settings.beatMs,
      silenceMs: settings.leaseMs,
      signal: this.#signal,
      isFollowing: () => this.#isFollowing(),
      onKept: (kept) => {
        this.#heard(kept);
      },
      onSilence: (silentMs) => {
        this.#context.onTrouble('silence', silentMs === null ? null : silence(silentMs));
      },
    });
  }

  /** What a source cannot reach it cannot follow, however well everything else is. */
  #isFollowing(): boolean {
    const { source, onTrouble, isWell } = this.#context;
    const isConnected = this.#session?.isConnected ?? true;
    if (isConnected !== this.#wasConnected && !this.#signal.aborted) {
      this.#wasConnected = isConnected;
      onTrouble('source', isConnected ? null : disconnected(source.name));
    }
    return this.#begun !== undefined && isConnected && isWell();
  }

  /** Readers that want to know how current the dataset is need not wait for the next beat. */
  async #sayFollowing(): Promise<void> {
    const { repository, lease, fence } = this.#context;
    await unlessAborted(
      repository.access.writer.patiently(() => lease.keep(fence, this.#isFollowing())),
      this.#signal,
    );
  }

  #heard({ isLoaded, commands }: Kept): void {
    if (!isLoaded || this.#refusal) this.#heal('Redis no longer says that the dataset is loaded.');
    this.#begun?.desk.hear(commands);
  }

  #stayAlive(): Promise<void> {
    return this.#keepAlive.run(
      (error) => {
        this.#context.onTrouble('keep-alive', error && asPrefetchError(error));
      },
      () => {
        this.#heal('Records have expired or were removed.');
      },
    );
  }

  #heal(why: string): void {
    const { turnstile } = this.#context;
    if (this.#upkeep?.isReloading === false && !turnstile.isQuiet) this.#begun?.healing.heal(why);
  }

  /** A load that was refused changes nothing, so following goes on. */
  #unlessItGoesOn(reason: unknown): void {
    if (this.#signal.aborted) return;
    const error = asPrefetchError(reason);
    if (isRefusal(error)) {
      this.#tell(error);
    } else {
      this.#end(error);
    }
  }

  #tell(error: PrefetchError): void {
    const { repository, settings } = this.#context;
    publish({ type: 'worker-error', dataset: repository.dataset.name, worker: settings.name, error });
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#signal.aborted) this.#end(error);
    });
  }
}

function isRefusal(error: unknown): error is PrefetchError {
  const { code } = error as Partial<PrefetchError>;
  return code === 'ERR_PREFETCH_RELOAD_REFUSED' || code === 'ERR_PREFETCH_NO_MEMORY';
}

function disconnected(source: string): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_SOURCE',
    `The source ${source} does not reach its primary, and tries again.`,
  );
}

function silence(silentMs: number): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_DEADLINE',
    `Redis has not answered the worker for ${silentMs} ms. Another may write by now.`,
  );
}
