import { setTimeout as sleep } from 'node:timers/promises';
import type { Entity } from 'redis-om';
import type { Change } from '../cache/change.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import type { PrefetchError } from '../errors.js';
import { publish } from '../events.js';
import { asPrefetchError } from './as-prefetch-error.js';
import type { Orders } from './command-desk.js';
import type { CommandArguments } from './commands.js';
import type { DeadLetterKeeper } from './dead-letter-keeper.js';
import { Errands } from './errands.js';
import { Follower } from './follower.js';
import { Progress } from './progress.js';
import { type ReconcileReport, Reconciliation } from './reconciliation.js';
import { Reload, type ReloadReport } from './reload.js';
import type { SourceLag, SourceSession } from './source.js';
import type { Turnstile } from './turnstile.js';
import type { WorkerSettings } from './worker-settings.js';

export interface UpkeepContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly session: SourceSession<T>;
  readonly sourceName: string;
  readonly settings: WorkerSettings;
  readonly turnstile: Turnstile;
  readonly signal: AbortSignal;
  readonly letters: DeadLetterKeeper<T>;
  /** Since when, by the server's clock, every record that is there has been kept alive. */
  readonly aliveSince: () => number;
  /** A load has ended well, whoever wanted it. */
  readonly onLoaded: () => void;
  /** Changes cannot be followed any more. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What the writer does to the dataset with the session of its source: applies the changes, in order, and besides
 * loads, compares and replays, one at a time.
 */
export class Upkeep<T extends Entity> implements Orders {
  readonly #context: UpkeepContext<T>;
  readonly #errands: Errands<T>;
  readonly #progress: Progress;
  #isFollowed = false;

  constructor(context: UpkeepContext<T>) {
    const { session, repository } = context;
    this.#context = context;
    this.#progress = new Progress((a, b) => session.compare(a, b));
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

  get isReloading(): boolean {
    return this.#errands.isReloading;
  }

  get loading(): Reload<T>['progress'] | null {
    return this.#errands.progress;
  }

  get lastLoad(): ReloadReport | null {
    return this.#errands.latest;
  }

  /** What is in Redis is the state of this position. */
  goOnFrom(position: string): void {
    this.#progress.reached(position);
    this.#follow(position);
  }

  /** Loads everything, and then follows, if it does not yet. */
  load(isForced: boolean, why: string): Promise<ReloadReport> {
    const report = this.#errands.reload(isForced, () => this.#newReload(isForced, why));
    report.then(
      () => {
        this.#context.onLoaded();
      },
      () => undefined, // whoever asked for it hears why
    );
    return report;
  }

  reload(options: CommandArguments['reload'] = {}): Promise<ReloadReport> {
    return this.load(options.force ?? false, 'It was asked for.');
  }

  reconcile(options: CommandArguments['reconcile'] = {}): Promise<ReconcileReport> {
    const { repository, session, settings } = this.#context;
    const begin = (signal: AbortSignal) =>
      new Reconciliation<T>({
        repository,
        session,
        signal,
        write: (work) => this.#write(work),
        reachedPast: (position, until, timeoutMs) => this.#progress.past(position, until, timeoutMs),
        repair: options.repair ?? false,
        force: options.force ?? false,
        maxShrink: settings.maxShrink,
      });
    return this.#errands.reconcile(begin, this.#context.signal);
  }

  /** Ends when the term does. */
  async reconcileOnSchedule({ everyMs, repair }: NonNullable<WorkerSettings['reconcile']>): Promise<void> {
    const { signal } = this.#context;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal, ref: false });
      await this.reconcile({ repair }).catch((reason: unknown) => {
        if (!signal.aborted) this.#tell(asPrefetchError(reason));
      });
    }
  }

  replay({ letter, change }: CommandArguments['replay']): Promise<void> {
    const { letters } = this.#context;
    return this.#errands.inTurn(() =>
      this.#write(() => letters.replay(letter, change as Change<T> | undefined)),
    );
  }

  discard({ letters }: CommandArguments['discard']): Promise<number> {
    return this.#write(() => this.#context.letters.discard(letters));
  }

  async lag(): Promise<SourceLag | null> {
    return this.position === null ? null : this.#context.session.lag(this.position);
  }

  #follow(after: string): void {
    const { repository, session, settings, signal, letters, onFailure } = this.#context;
    this.#isFollowed = true;
    const follower = new Follower<T>({
      repository,
      session,
      signal,
      maxBatch: settings.maxBatch,
      letters,
      roomForLetters: (count) =>
        repository.access.writer.patiently(async () => {
          await Promise.resolve();
          letters.checkRoomFor(count);
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
    follower.follow(after).catch((error: unknown) => {
      if (!signal.aborted) onFailure(error);
    });
  }

  #newReload(force: boolean, why: string): Reload<T> {
    const { repository, session, sourceName, settings, signal, letters, aliveSince } = this.#context;
    const cause = this.position === null ? 'prefetch' : 'reload';
    publish({ type: 'load-begun', dataset: repository.dataset.name, cause, why });
    return new Reload<T>({
      repository,
      session,
      sourceName,
      signal,
      cause,
      isFollowed: this.#isFollowed,
      maxShrink: settings.maxShrink,
      force,
      write: (work) => this.#write(work),
      onSnapshot: (position) => {
        if (!this.#isFollowed) this.#follow(position);
      },
      applied: () => this.position,
      concluding: (position) => letters.concludingLoad(position, (a, b) => session.compare(a, b)),
      reached: (position) => {
        letters.concluded();
        this.#progress.reached(position);
      },
      aliveSince,
    });
  }

  #tell(error: PrefetchError): void {
    const { repository, settings } = this.#context;
    publish({ type: 'worker-error', dataset: repository.dataset.name, worker: settings.name, error });
  }

  #write<R>(work: () => Promise<R>): Promise<R> {
    return this.#context.turnstile.pass(() => {
      this.#context.signal.throwIfAborted();
      return work();
    });
  }
}
