import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Layout } from '../support/item.js';

export interface WebOptions {
  readonly redisUrl: string;
  readonly dataset: string;
  readonly layout: Layout;
  readonly deadlineMs: number;
}

/** A web process that only reads the cache. */
export class WebProcess {
  readonly port: Promise<number>;
  readonly #child: ChildProcess;

  constructor(options: WebOptions) {
    this.#child = fork(join(process.cwd(), 'test/torture/web-child.ts'), [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(this.#child, 'exit').then((): never => {
      throw new Error('A web process ended before it listened.');
    });
    const listening = once(this.#child, 'message').then(([message]) => (message as { port: number }).port);
    this.port = Promise.race([listening, ended]);
    this.port.catch(() => undefined); // whoever starts it hears of it
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
