import { PrefetchError } from '../../errors.js';
import type { RedisClient } from '../client.js';

/** A connection for commands that block, made anew after it broke or fell silent. */
export class FeedConnection {
  readonly #client: RedisClient;
  readonly #silenceMs: number;
  #connection: RedisClient | undefined;
  #connected: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param silenceMs after which a question that has no answer is given up: the line may be dead */
  constructor(client: RedisClient, silenceMs: number) {
    this.#client = client;
    this.#silenceMs = silenceMs;
  }

  /** When it fails, the next question is asked over a new connection. */
  async ask<R>(question: (connection: RedisClient) => Promise<R>): Promise<R> {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new PrefetchError('ERR_PREFETCH_UNAVAILABLE', `Redis was silent for ${this.#silenceMs} ms.`));
      }, this.#silenceMs).unref();
    });
    try {
      return await Promise.race([this.#asked(question), silence]);
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #asked<R>(question: (connection: RedisClient) => Promise<R>): Promise<R> {
    const connection = this.#opened();
    await this.#connected;
    return question(connection);
  }

  #opened(): RedisClient {
    if (this.#connection?.isOpen) return this.#connection;
    const connection = this.#client.duplicate();
    connection.on('error', () => undefined); // whoever waits for an answer hears of it
    this.#connection = connection;
    this.#connected = connection.connect().finally(() => {
      // node-redis goes on connecting a client that is destroyed meanwhile
      if (this.#isClosed || this.#connection !== connection) connection.destroy();
    });
    return connection;
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}
