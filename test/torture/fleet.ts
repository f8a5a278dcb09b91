import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { WorkerProcess, type WorkerProcessOptions } from '../support/worker-process.js';
import type { Diary } from './diary.js';
import type { Primary } from './primary.js';
import type { Random } from './random.js';
import type { Verdict } from './verdict.js';

const restartMs = 200;

interface CrewContext {
  readonly name: string;
  readonly line: TcpProxy;
  readonly feedLine: TcpProxy;
  readonly options: WorkerProcessOptions;
  /** Called when it has ended by itself. */
  readonly onEnd: (crew: Crew) => void;
}

/** A worker process that is started again when it has ended, and its lines. */
export class Crew {
  readonly name: string;
  /** To the Redis of the cache. */
  readonly line: TcpProxy;
  /** To the primary. */
  readonly feedLine: TcpProxy;
  readonly #options: WorkerProcessOptions;
  readonly #onEnd: (crew: Crew) => void;
  #worker: WorkerProcess;
  #isWanted = true;

  constructor({ name, line, feedLine, options, onEnd }: CrewContext) {
    this.name = name;
    this.line = line;
    this.feedLine = feedLine;
    this.#options = options;
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
    primary: Primary,
    options: Omit<WorkerProcessOptions, 'redisUrl' | 'primary'>,
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
      const [line, feedLine] = [await startTcpProxy(redisPort), await startTcpProxy(primary.port)];
      const place = primary.placeOver({ port: Number(new URL(feedLine.url).port) });
      crews.push(
        new Crew({
          name: String.fromCharCode(65 + i),
          line,
          feedLine,
          options: { ...options, redisUrl: line.url, primary: place },
          onEnd,
        }),
      );
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
    await Promise.all(this.crews.flatMap(({ line, feedLine }) => [line.close(), feedLine.close()]));
  }
}
