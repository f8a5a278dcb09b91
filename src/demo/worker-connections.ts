import { AsyncLocalStorage } from 'node:async_hooks';
import type { RedisClient } from '../index.js';

/** Knows which connection belongs to which worker, so that a fault can take it away. */
export class WorkerConnections {
  readonly #opening = new AsyncLocalStorage<object>();
  readonly #connections = new WeakMap<object, RedisClient>();

  /** A worker duplicates the client of its cache while it starts. */
  constructor(client: RedisClient) {
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (overrides) => {
      const connection = duplicate(overrides);
      const owner = this.#opening.getStore();
      if (owner) this.#connections.set(owner, connection);
      return connection;
    };
  }

  /** What is opened by the work, and by what it leads to, belongs to the owner. */
  openedBy<R>(owner: object, work: () => R): R {
    return this.#opening.run(owner, work);
  }

  /** Nothing gets through any more, for good: the owner cannot even say goodbye. */
  cut(owner: object): void {
    this.#connections.get(owner)?.destroy();
  }
}
