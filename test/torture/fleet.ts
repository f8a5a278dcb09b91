import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { WorkerProcess, type WorkerProcessOptions } from '../support/worker-process.js';
import type { Diary } from './diary.js';
import type { Random } from './random.js';
import type { Verdict } from './verdict.js';

const restartMs = 200;

/** A worker process that is started again when it has ended, and its line to the Redis of the cache. */
export class Crew {
  readonly name: string;
  readonly line: TcpProxy;
  readonly #options: WorkerProcessOptions;
  readonly #onEnd: (crew: Crew) => void;
  #worker: WorkerProcess;
  #isWanted = true;

  constructor(name: string, line: TcpProxy, options: WorkerProcessOptions, onEnd: (crew: Crew) => void) {
    this.name = name;
    this.line = line;
    this.#options = { ...options, redisUrl: line.url };
    this.#onEnd = onEnd;
    this.#worker = this.#spawn();
  }

  /** Nobody has stopped or killed it. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  get worker(): WorkerProcess {
    return this.#worker;
  }

  start(): void {
    this.#isWanted = true;
    if (!this.#worker.isRunning) this.#worker = this.#spawn();
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    await this.#worker.kill();
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    await this.#worker.stop();
  }

  #spawn(): WorkerProcess {
    const worker = new WorkerProcess(this.#options);
    void worker.ended.then(() => {
      if (this.#isWanted) this.#onEnd(this);
    });
    return worker;
  }
}

/** All workers of the dataset. */
export class Fleet {
  readonly crews: readonly Crew[];

  private constructor(crews: readonly Crew[]) {
    this.crews = crews;
  }

  static async launch(
    count: number,
    redisPort: number,
    options: Omit<WorkerProcessOptions, 'redisUrl'>,
    { diary, verdict }: { diary: Diary; verdict: Verdict },
  ): Promise<Fleet> {
    const onEnd = (crew: Crew) => {
      const { messages, errors } = crew.worker;
      const last = `${JSON.stringify(messages.slice(-3))} ${errors}`;
      // A start may be refused, say because Redis is full, and is tried again. Who has started goes on.
      if (messages.some(({ type }) => type === 'started')) {
        verdict.accuse('hung', `worker ${crew.name} ended by itself: ${last}`);
      } else {
        diary.note(`worker ${crew.name} could not start: ${last}`);
      }
      setTimeout(() => {
        if (crew.isWanted) crew.start();
      }, restartMs);
    };
    const crews: Crew[] = [];
    for (let i = 0; i < count; i++) {
      const line = await startTcpProxy(redisPort);
      crews.push(new Crew(String.fromCharCode(65 + i), line, { ...options, redisUrl: line.url }, onEnd));
    }
    return new Fleet(crews);
  }

  /** The one that says that it writes, mostly. */
  pick(random: Random): Crew {
    const writers = this.crews.filter(({ worker }) => ['following', 'retrying'].includes(worker.state));
    return random.pick(writers.length > 0 && random.chance(0.75) ? writers : this.crews);
  }

  /** Ends all processes, also those that are stalled, without waiting. */
  abandon(): void {
    for (const crew of this.crews) void crew.kill();
  }

  async close(): Promise<void> {
    await Promise.all(this.crews.map((crew) => crew.kill()));
    await Promise.all(this.crews.map(({ line }) => line.close()));
  }
}
