import type {
  Change,
  ChangeBatch,
  ChangeSource,
  ChangesOptions,
  ReloadReason,
  Snapshot,
  SourceSession,
} from '../../src/index.js';
import { StepQueue } from './step-queue.js';
import { until } from './until.js';

type Resumed = { from: string } | { reload: ReloadReason; detail: string };

type SnapshotFacts = Pick<Snapshot<unknown>, 'exact' | 'total'>;

/** A snapshot whose rows come when the test says so. */
export class ScriptedSnapshot<R> {
  readonly #answer = new StepQueue<string>();
  readonly #pages = new StepQueue<readonly R[]>();
  #facts: SnapshotFacts = { exact: true };
  isClosed = false;

  /** The source gives the snapshot, which stands at this position. */
  answer(position: string, facts: Partial<SnapshotFacts> = {}): this {
    this.#facts = { ...this.#facts, ...facts };
    this.#answer.push(position);
    return this;
  }

  refuse(error: unknown): void {
    this.#answer.fail(error);
  }

  rows(...rows: R[]): this {
    this.#pages.push(rows);
    return this;
  }

  /** True when everything that was given was taken, and more is asked for. */
  get isHungry(): boolean {
    return this.#pages.isHungry;
  }

  end(): void {
    this.#pages.end();
  }

  fail(error: unknown): void {
    this.#pages.fail(error);
  }

  async open(): Promise<Snapshot<R>> {
    const position = await this.#answer.next();
    return {
      position,
      ...this.#facts,
      records: this.#pages,
      close: () => {
        this.isClosed = true;
        return Promise.resolve();
      },
    };
  }

  abort(reason: unknown): void {
    this.#answer.fail(reason);
    this.#pages.fail(reason);
  }
}

/** A source that does what the test says, step by step. Its positions are numbers. */
export class ScriptedSource<R> implements ChangeSource<R> {
  readonly name = 'scripted';
  readonly snapshots: ScriptedSnapshot<R>[] = [];
  readonly acknowledged: string[] = [];
  readonly resumedAt: (string | null)[] = [];
  sessions = 0;
  sessionsClosed = 0;
  onOpen: () => void = () => undefined;
  onResume: (checkpoint: string | null) => Resumed = (checkpoint) =>
    checkpoint === null ? { reload: 'no-checkpoint', detail: 'There is none.' } : { from: checkpoint };
  onAcknowledge: () => void = () => undefined;
  onCompare: () => void = () => undefined;
  /** Where the changes end that there are. */
  onEnd: () => string = () => '0';
  /** A snapshot that is being waited for ends when the worker stops; false: it never does. */
  heedsAbort = true;
  /** Whether it reaches its primary. */
  isConnected = true;
  #feed = new StepQueue<ChangeBatch<R>>();

  /** Waits until the n-th snapshot has been asked for. */
  async snapshot(n = 1): Promise<ScriptedSnapshot<R>> {
    await until(() => this.snapshots.length >= n);
    return this.snapshots[n - 1]!;
  }

  /** The feed goes on with these changes, which end at the position. */
  send(position: number, ...changes: Change<R>[]): void {
    this.#feed.push({ changes, position: String(position), complete: true });
  }

  /** As send(), in the midst of something large. */
  sendIncomplete(position: number, ...changes: Change<R>[]): void {
    this.#feed.push({ changes, position: String(position), complete: false });
  }

  failFeed(error: unknown): void {
    this.#feed.fail(error);
  }

  endFeed(): void {
    this.#feed.end();
  }

  /** True when everything that was sent has been taken, and applied, and more is asked for. */
  get isFollowed(): boolean {
    return this.#feed.isHungry;
  }

  async open(): Promise<SourceSession<R>> {
    this.onOpen();
    this.sessions++;
    this.#feed = new StepQueue();
    const isConnected = () => this.isConnected;
    return Promise.resolve({
      get isConnected() {
        return isConnected();
      },
      resume: (checkpoint: string | null) => this.#resume(checkpoint),
      snapshot: (signal: AbortSignal) => this.#snapshot(signal),
      changes: (_after: string, options: ChangesOptions) => this.#changes(options),
      acknowledge: (position: string) => {
        this.onAcknowledge();
        this.acknowledged.push(position);
        return Promise.resolve();
      },
      compare: (a: string, b: string) => {
        this.onCompare();
        return Number(a) - Number(b);
      },
      end: () => Promise.resolve(this.onEnd()),
      lag: () => Promise.resolve({ events: 7 }),
      close: () => {
        this.sessionsClosed++;
        return Promise.resolve();
      },
    });
  }

  async #resume(checkpoint: string | null): Promise<Resumed> {
    this.resumedAt.push(checkpoint);
    return Promise.resolve(this.onResume(checkpoint));
  }

  #snapshot(signal: AbortSignal): Promise<Snapshot<R>> {
    const snapshot = new ScriptedSnapshot<R>();
    if (this.heedsAbort) {
      signal.addEventListener('abort', () => {
        snapshot.abort(signal.reason);
      });
    }
    this.snapshots.push(snapshot);
    return snapshot.open();
  }

  #changes({ signal }: ChangesOptions): AsyncIterable<ChangeBatch<R>> {
    const feed = this.#feed;
    signal.addEventListener('abort', () => {
      feed.end();
    });
    return feed;
  }
}
