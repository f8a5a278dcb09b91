import { type Connections, close } from './connections.js';
import type { PgClient } from './pg-client.js';
import { postgresError } from './postgres-error.js';

/** An ordinary connection for questions beside the stream, made when it is needed and anew when it broke. */
export class SideLine {
  readonly #connections: Connections;
  readonly #signal: AbortSignal;
  #opening: Promise<PgClient> | undefined;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(connections: Connections, signal: AbortSignal) {
    this.#connections = connections;
    this.#signal = signal;
  }

  /**
   * One question at a time.
   *
   * @throws PrefetchError
   */
  ask<T>(doing: string, work: (client: PgClient) => Promise<T>): Promise<T> {
    const asking = this.#asking.then(() => this.#askNow(doing, work));
    this.#asking = asking.catch(() => undefined);
    return asking;
  }

  async #askNow<T>(doing: string, work: (client: PgClient) => Promise<T>): Promise<T> {
    const client = await this.#open();
    try {
      return await work(client);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw postgresError(doing, error);
    }
  }

  /** The next question goes over another connection: this one may be as dead as one that was beside it. */
  async renew(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    const client = await opening?.catch(() => undefined);
    if (client) await close(client);
  }

  close(): Promise<void> {
    return this.renew();
  }

  #open(): Promise<PgClient> {
    if (this.#opening) return this.#opening;
    const opening = this.#connections.open('ordinary', this.#signal, () => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return (this.#opening = opening);
  }
}
