import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError } from '../errors.js';
import { publish } from '../events.js';
import type { Fence } from '../redis/fence.js';
import { settlesWithin, unlessAborted } from '../settling.js';
import { asPrefetchError } from './as-prefetch-error.js';
import { beat } from './beat.js';
import { readCheckpoint } from './checkpoint.js';
import { CommandDesk, type Orders } from './command-desk.js';
import type { CommandArguments } from './commands.js';
import { DeadLetterKeeper } from './dead-letter-keeper.js';
import { Errands } from './errands.js';
import { Follower } from './follower.js';
import { KeepAlive } from './keep-alive.js';
import { Healing } from './healing.js';
import type { Kept, Lease } from './lease.js';
import { Progress } from './progress.js';
import { type ReconcileReport, Reconciliation } from './reconciliation.js';
import { Reload, type ReloadReport } from './reload.js';
import type { ChangeSource, SourceLag, SourceSession } from './source.js';
import type { Turnstile } from './turnstile.js';
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
export class Term<T extends Entity> implements Orders {
  /** Rejects when the term is over, with the reason. */
  readonly over: Promise<never>;
  readonly letters: DeadLetterKeeper<T>;
  readonly #context: TermContext<T>;
  readonly #signal: AbortSignal;
  readonly #keepAlive: KeepAlive<T>;
  readonly #desk: CommandDesk<T>;
  readonly #errands: Errands<T>;
  readonly #progress: Progress;
  readonly #healing: Healing;
  #session: SourceSession<T> | undefined;
  #isFollowed = false;
  #hasBegun = false;
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
    this.#desk = new CommandDesk(repository.access, this.#signal, this);
    this.#healing = new Healing(
      (why) => this.#reload(false, why),
      (error) => {
        this.#unlessItGoesOn(error);
      },
    );
    this.#progress = new Progress((a, b) => this.#opened.compare(a, b));
    this.#errands = new Errands({
      onInterruption: (error) => {
        this.#tell(error);
      },
      applied: () => this.position,
      unmark: () => repository.loads.unmark(),
    });
  }

  /** Everything up to here has been applied. */
  get position(): string | null {
    return this.#progress.position;
  }

  get lastAppliedAt(): string | null {
    return this.#progress.lastAppliedAt;
  }

  get loading(): Reload<T>['progress'] | null {
    return this.#errands.progress;
  }

  get lastLoad(): ReloadReport | null {
    return this.#errands.latest;
  }

  /** Resolves when the dataset is loaded and followed. */
  async begin(options: BeginOptions): Promise<void> {
    const { source } = this.#context;
    this.#inBackground(this.#beat());
    await unlessAborted(this.letters.load(), this.#signal);
    const { position, isLoaded } = await this.#found();
    // Before the source is opened: what is there must not expire because the primary is away.
    const isAlive = await this.#keepAlive.renewIfDue();
    this.#inBackground(this.#stayAlive());
    this.#session = await unlessAborted(this.#open(source), this.#signal);
    const resumed = await unlessAborted(this.#session.resume(options.reload ? null : position), this.#signal);
    const goesOn = 'from' in resumed && isLoaded && isAlive;
    if (goesOn) {
      this.#progress.reached(resumed.from);
      this.#follow(resumed.from);
    } else {
      const why = 'from' in resumed ? 'What is in Redis is not a complete load.' : resumed.detail;
      await this.#load(options, why);
    }
    this.#hasBegun = true;
    await this.#sayFollowing();
    if (this.#context.settings.reconcile) this.#inBackground(this.#reconcileAgainAndAgain());
  }

  reload(options: CommandArguments['reload'] = {}): Promise<ReloadReport> {
    return this.#reload(options.force ?? false, 'It was asked for.');
  }

  reconcile(options: CommandArguments['reconcile'] = {}): Promise<ReconcileReport> {
    const { repository, settings } = this.#context;
    const begin = (signal: AbortSignal) =>
      new Reconciliation<T>({
        repository,
        session: this.#opened,
        signal,
        write: (work) => this.#write(work),
        reachedPast: (position, until, timeoutMs) => this.#progress.past(position, until, timeoutMs),
        repair: options.repair ?? false,
        force: options.force ?? false,
        maxShrink: settings.maxShrink,
      });
    return this.#errands.reconcile(begin, this.#signal);
  }

  replay({ letter, change }: CommandArguments['replay']): Promise<void> {
    return this.#errands.inTurn(() =>
      this.#write(() => this.letters.replay(letter, change as Change<T> | undefined)),
    );
  }

  discard({ letters }: CommandArguments['discard']): Promise<number> {
    return this.#write(() => this.letters.discard(letters));
  }

  async lag(): Promise<SourceLag | null> {
    return this.position === null ? null : this.#opened.lag(this.position);
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

  get #opened(): SourceSession<T> {
    if (!this.#session) throw new Error('The source is not open yet.');
    return this.#session;
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
  async #load(options: BeginOptions, why: string): Promise<void> {
    try {
      await unlessAborted(this.#reload(options.force, why), this.#signal);
    } catch (error) {
      if (options.isFirst || !isRefusal(error)) throw error;
      this.#refusal = error;
      this.#context.onTrouble('load', error);
    }
  }

  #beat(): Promise<void> {
    const { lease, fence, settings, isWell } = this.#context;
    return beat({
      lease,
      fence,
      everyMs: settings.beatMs,
      silenceMs: settings.leaseMs,
      signal: this.#signal,
      isFollowing: () => this.#isConnected() && this.#hasBegun && isWell(),
      onKept: (kept) => {
        this.#heard(kept);
      },
      onSilence: (silentMs) => {
        this.#context.onTrouble('silence', silentMs === null ? null : silence(silentMs));
      },
    });
  }

  /** What a source cannot reach it cannot follow, however well everything else is. */
  #isConnected(): boolean {
    const isConnected = this.#session?.isConnected ?? true;
    if (isConnected !== this.#wasConnected && !this.#signal.aborted) {
      this.#wasConnected = isConnected;
      this.#context.onTrouble('source', isConnected ? null : disconnected(this.#context.source.name));
    }
    return isConnected;
  }

  /** Readers that want to know how current the dataset is need not wait for the next beat. */
  async #sayFollowing(): Promise<void> {
    const { repository, lease, fence, isWell } = this.#context;
    await unlessAborted(
      repository.access.writer.patiently(() => lease.keep(fence, isWell())),
      this.#signal,
    );
  }

  #heard({ isLoaded, commands }: Kept): void {
    if (!this.#hasBegun) return;
    if (!isLoaded || this.#refusal) this.#heal('Redis no longer says that the dataset is loaded.');
    this.#desk.hear(commands);
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
    if (this.#hasBegun && !this.#errands.isReloading && !turnstile.isQuiet) this.#healing.heal(why);
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

  #follow(after: string): void {
    const { repository, settings } = this.#context;
    this.#isFollowed = true;
    const follower = new Follower<T>({
      repository,
      session: this.#opened,
      signal: this.#signal,
      maxBatch: settings.maxBatch,
      letters: this.letters,
      roomForLetters: (letters) =>
        repository.access.writer.patiently(async () => {
          await Promise.resolve();
          this.letters.checkRoomFor(letters);
        }),
      write: (work) => this.#write(work),
      recordsAreWhole: () => this.#errands.rows(),
      admitted: (batch, refused) => this.#errands.admitted(batch, refused),
      applied: () => this.position,
      reached: (position) => {
        this.#progress.reached(position);
        this.#errands.passed(position);
      },
    });
    this.#inBackground(follower.follow(after));
  }

  #reload(isForced: boolean, why: string): Promise<ReloadReport> {
    const report = this.#errands.reload(isForced, () => this.#newReload(isForced, why));
    report.then(
      () => {
        this.#refusal = undefined;
        this.#context.onTrouble('load', null);
      },
      () => undefined, // whoever asked for it hears why
    );
    return report;
  }

  #newReload(force: boolean, why: string): Reload<T> {
    const { repository, source, settings } = this.#context;
    const cause = this.position === null ? 'prefetch' : 'reload';
    publish({ type: 'load-begun', dataset: repository.dataset.name, cause, why });
    return new Reload<T>({
      repository,
      session: this.#opened,
      sourceName: source.name,
      signal: this.#signal,
      cause,
      isFollowed: this.#isFollowed,
      maxShrink: settings.maxShrink,
      force,
      write: (work) => this.#write(work),
      onSnapshot: (position) => {
        if (!this.#isFollowed) this.#follow(position);
      },
      applied: () => this.position,
      concluding: (position) => this.letters.concludingLoad(position, (a, b) => this.#opened.compare(a, b)),
      reached: (position) => {
        this.letters.concluded();
        this.#progress.reached(position);
      },
      aliveSince: () => this.#keepAlive.aliveSince,
    });
  }

  async #reconcileAgainAndAgain(): Promise<void> {
    const { everyMs = 0, repair = false } = this.#context.settings.reconcile ?? {};
    while (!this.#signal.aborted) {
      await sleep(everyMs, undefined, { signal: this.#signal, ref: false });
      await this.reconcile({ repair }).catch((reason: unknown) => {
        if (!this.#signal.aborted) this.#tell(asPrefetchError(reason));
      });
    }
  }

  #tell(error: PrefetchError): void {
    const { repository, settings } = this.#context;
    publish({ type: 'worker-error', dataset: repository.dataset.name, worker: settings.name, error });
  }

  #write<R>(work: () => Promise<R>): Promise<R> {
    return this.#context.turnstile.pass(() => {
      this.#signal.throwIfAborted();
      return work();
    });
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
