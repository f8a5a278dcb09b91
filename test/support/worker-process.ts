import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SyncWorkerOptions, WorkerState } from '../../src/index.js';
import type { Item, Layout } from './item.js';
import { until } from './until.js';
import type { PrimaryPlace } from './worker-sources.js';

export interface WorkerProcessOptions {
  /** The Redis of the cache. */
  readonly redisUrl: string;
  readonly dataset: string;
  readonly layout: Layout;
  readonly ttlSeconds: number;
  readonly primary: PrimaryPlace;
  /** Options of the SyncWorker. */
  readonly worker: Omit<SyncWorkerOptions<Item>, 'cache' | 'source'>;
}

export interface WorkerCommand {
  readonly id: number;
  readonly command: 'reload' | 'repair';
}

export type WorkerMessage =
  | { readonly type: 'state'; readonly state: WorkerState; readonly detail: string }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | { readonly type: 'started' | 'loaded' }
  | { readonly type: 'gave-up'; readonly message: string }
  | { readonly type: 'obeyed'; readonly id: number; readonly error: string | null };

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A sync worker in a process of its own, to be killed and stalled. */
export class WorkerProcess {
  readonly messages: WorkerMessage[] = [];
  /** What it wrote to standard error. */
  errors = '';
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  #commands = 0;

  constructor(options: WorkerProcessOptions) {
    this.#child = fork(
      join(process.cwd(), 'test/support/worker-process-child.ts'),
      [JSON.stringify(options)],
      {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      },
    );
    this.#child.on('message', (message) => this.messages.push(message as WorkerMessage));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.ended = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What the worker said last of itself. */
  get state(): WorkerState {
    return this.messages.findLast((message) => message.type === 'state')?.state ?? 'idle';
  }

  /** Resolves when the worker is in one of these states. */
  async is(...states: WorkerState[]): Promise<void> {
    await until(() => {
      if (!this.isRunning) throw new Error(`The worker has ended.\n${this.errors}`);
      return states.includes(this.state);
    }, 20_000);
  }

  /** As a crash. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Stops it as a deployment would. */
  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  /** Its connections stay open, and it does nothing. */
  stall(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Sends a command; the answer comes among the messages. */
  send(command: WorkerCommand['command']): number {
    const id = ++this.#commands;
    if (this.#child.connected) this.#child.send({ id, command } satisfies WorkerCommand, () => undefined);
    return id;
  }

  /** Why the command failed, null if it did not. */
  async answer(id: number): Promise<string | null> {
    const answer = await until(
      () => this.messages.find((message) => message.type === 'obeyed' && message.id === id),
      20_000,
    );
    return answer.type === 'obeyed' ? answer.error : null;
  }
}
