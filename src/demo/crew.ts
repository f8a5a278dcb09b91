import {
  type ChangeSource,
  type PrefetchCache,
  PrefetchError,
  type PrefetchErrorCode,
  type ReconcileReport,
  type ReloadReport,
  SyncWorker,
  type WorkerState,
} from '../index.js';
import type { Category } from './category.js';
import { ConflictError } from './conflict-error.js';
import { WorkerConnections } from './worker-connections.js';

export interface CrewOptions {
  readonly cache: PrefetchCache<Category>;
  readonly source: ChangeSource<Category>;
  /** How many workers there are. */
  readonly size: number;
  readonly takeoverMs: number;
  /** How long the place of a worker that is gone stays empty. */
  readonly replaceAfterMs: number;
}

const termsEnd: ReadonlySet<PrefetchErrorCode> = new Set([
  'ERR_PREFETCH_LEASE_LOST',
  'ERR_PREFETCH_STATE_LOST',
]);

const running: readonly WorkerState[] = ['starting', 'standby', 'following', 'retrying', 'paused'];

/** The sync workers of the sample app: one writes, the others stand by. */
export class Crew {
  readonly takeoverMs: number;
  readonly #options: CrewOptions;
  readonly #connections: WorkerConnections;
  readonly #workers: SyncWorker<Category>[];
  /** Those that a fault ends, from the moment on at which it does. */
  readonly #doomed = new WeakSet<SyncWorker<Category>>();
  readonly #starts = new WeakMap<SyncWorker<Category>, Promise<void>>();
  readonly #replacements = new Set<NodeJS.Timeout>();
  #held: SyncWorker<Category>[] | undefined;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.takeoverMs = options.takeoverMs;
    this.#connections = new WorkerConnections(options.cache.client);
    this.#workers = Array.from({ length: options.size }, (_, i) => this.#newWorker(`worker-${i + 1}`));
  }

  get workers(): readonly SyncWorker<Category>[] {
    return this.#workers;
  }

  /** The worker of this crew that writes, if one of them does. */
  get writer(): SyncWorker<Category> | undefined {
    // Only the one that writes knows how many changes wait as dead letters.
    return this.#running.find((worker) => worker.status().deadLetters !== null);
  }

  /** True from hold() to release(). */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Resolves when the dataset is loaded and all stand ready; the first one begins, so that it is the one that writes. */
  async start(): Promise<void> {
    const [first, ...others] = this.#workers;
    if (first) await this.#start(first);
    await Promise.all(others.map((worker) => this.#start(worker)));
  }

  /** Resolves when no worker writes, and none will until release(), whatever it finds in Redis. */
  async hold(timeoutMs: number): Promise<void> {
    if (this.#held) return;
    const held: SyncWorker<Category>[] = (this.#held = []);
    try {
      await Promise.all(
        this.#running.map(async (worker) => {
          await worker.pause({ timeoutMs });
          if (this.#held === held) held.push(worker);
          else worker.resume(); // released meanwhile
        }),
      );
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const worker of held) worker.resume();
  }

  /** Loads everything anew; a worker that is about to load it as it starts may do that instead. */
  async reload(): Promise<ReloadReport> {
    const speaker = this.#speaker;
    if (speaker.status().state === 'starting') {
      await this.#starts.get(speaker);
      const { lastLoad } = speaker.status();
      if (lastLoad) return lastLoad;
    }
    try {
      return await speaker.reload();
    } catch (error) {
      // It has just found out that it no longer writes: now the command goes to whoever will.
      if (error instanceof PrefetchError && termsEnd.has(error.code)) return this.reload();
      throw error;
    }
  }

  reconcile(options: { readonly repair: boolean }): Promise<ReconcileReport> {
    return this.#speaker.reconcile(options);
  }

  /**
   * Ends the writer without a word to anybody, as a crash would, and says which it was.
   *
   * @throws ConflictError when no worker writes now
   */
  killWriter(): string {
    const writer = this.#doom();
    this.#connections.cut(writer);
    return writer.status().name;
  }

  /** Ends the writer, which hands over before it goes. */
  async stopWriter(timeoutMs: number): Promise<string> {
    const writer = this.#doom();
    await writer.stop(timeoutMs);
    return writer.status().name;
  }

  async stop(timeoutMs: number): Promise<void> {
    for (const timer of this.#replacements) clearTimeout(timer);
    await Promise.all(this.#workers.map((worker) => worker.stop(timeoutMs)));
  }

  get #running(): SyncWorker<Category>[] {
    return this.#workers.filter(
      (worker) => !this.#doomed.has(worker) && running.includes(worker.status().state),
    );
  }

  /** Whom to ask for what the writer does; each worker hands it on. */
  get #speaker(): SyncWorker<Category> {
    const starting = (worker: SyncWorker<Category>) => (worker.status().state === 'starting' ? 1 : 0);
    const running = this.#running.sort((a, b) => starting(a) - starting(b));
    const [speaker] = [this.writer, ...running, ...this.#workers].filter((one) => one !== undefined);
    if (!speaker) throw new ConflictError('There is no sync worker.');
    return speaker;
  }

  #newWorker(name: string): SyncWorker<Category> {
    const { cache, source, takeoverMs } = this.#options;
    return new SyncWorker({ cache, source, takeoverMs, name });
  }

  #start(worker: SyncWorker<Category>): Promise<void> {
    // The primary is another one each time the app starts: all that an earlier one left may go.
    const started = this.#connections.openedBy(worker, () => worker.start({ force: true }));
    this.#starts.set(worker, started);
    return started;
  }

  #doom(): SyncWorker<Category> {
    const { writer } = this;
    if (!writer) throw new ConflictError('No worker of this app writes now. Try again when one follows.');
    this.#doomed.add(writer);
    const timer = setTimeout(() => {
      this.#replacements.delete(timer);
      this.#replace(writer);
    }, this.#options.replaceAfterMs).unref();
    this.#replacements.add(timer);
    return writer;
  }

  #replace(gone: SyncWorker<Category>): void {
    const worker = this.#newWorker(gone.status().name);
    this.#workers[this.#workers.indexOf(gone)] = worker;
    // It waits for a loaded dataset as long as it takes; when it fails, its events say so.
    this.#start(worker).catch(() => undefined);
    if (!this.#held) return;
    this.#held.push(worker);
    worker.pause().catch(() => undefined);
  }
}
