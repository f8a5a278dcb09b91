import type { ChildProcess } from 'node:child_process';
import { ConflictError } from '../conflict-error.js';

/** The Redis server that the app has started for itself, and so may mistreat. */
export class OwnRedis {
  readonly #process: Pick<ChildProcess, 'kill'>;
  #stalled: NodeJS.Timeout | undefined;

  constructor(process: Pick<ChildProcess, 'kill'>) {
    this.#process = process;
  }

  /** Connections stay open and nothing answers, for a while. */
  stall(forMs: number, onGoesOn: () => void): void {
    if (this.#stalled) throw new ConflictError('Redis is stalled already.');
    this.#process.kill('SIGSTOP');
    this.#stalled = setTimeout(() => {
      this.goOn();
      onGoesOn();
    }, forMs);
  }

  goOn(): void {
    if (!this.#stalled) return;
    clearTimeout(this.#stalled);
    this.#stalled = undefined;
    this.#process.kill('SIGCONT');
  }
}
