import { type RedisClientOptions, createClient } from 'redis';
import type { TestClient } from './redis.js';

/** Clients with options of a test's own, all closed at its end. */
export class Clients {
  readonly #made: TestClient[] = [];

  /** Not connected, and with a listener for errors. */
  make(url: string, options: Omit<RedisClientOptions, 'url'> = {}): TestClient {
    const client = createClient({
      url,
      socket: { reconnectStrategy: (retries) => Math.min(retries * 10, 50) },
      ...options,
    }) as unknown as TestClient;
    client.on('error', () => undefined);
    this.#made.push(client);
    return client;
  }

  async connect(url: string, options: Omit<RedisClientOptions, 'url'> = {}): Promise<TestClient> {
    const client = this.make(url, options);
    await client.connect();
    return client;
  }

  closeAll(): void {
    for (const client of this.#made.splice(0)) if (client.isOpen) client.destroy();
  }
}
