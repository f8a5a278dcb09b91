import type { SourceSession } from '../../src/index.js';
import {
  type RedisStreamSourceOptions,
  type StreamChange,
  RedisStreamSource,
  publishChange,
} from '../../src/sources/redis-stream/index.js';
import { type Item, item } from './item.js';
import { type TestClient, type TestRedis, uniquePrefix } from './redis.js';
import { Following } from './stream-following.js';
import { until } from './until.js';

/** One stream on a real Redis, who writes it, and the sessions that read it. */
export class StreamWorld {
  readonly client: TestClient;
  readonly stream = `${uniquePrefix('changes')}:feed`;
  readonly #abort = new AbortController();
  readonly #sessions: SourceSession<Item>[] = [];

  constructor(client: TestClient) {
    this.client = client;
  }

  static async open(redis: TestRedis): Promise<StreamWorld> {
    return new StreamWorld(await redis.client());
  }

  source(options: Partial<RedisStreamSourceOptions<Item>> = {}): RedisStreamSource<Item> {
    const { client, stream } = this;
    return new RedisStreamSource({ client, stream, snapshot: () => [], blockMs: 50, ...options });
  }

  async session(options: Partial<RedisStreamSourceOptions<Item>> = {}): Promise<SourceSession<Item>> {
    const session = await this.source(options).open(this.#abort.signal);
    this.#sessions.push(session);
    return session;
  }

  async follow(
    after: string,
    options: Partial<RedisStreamSourceOptions<Item>> = {},
  ): Promise<Following<Item>> {
    return new Following(await this.session(options), after);
  }

  publish(change: StreamChange<Item>): Promise<string> {
    return publishChange(this.client, this.stream, change);
  }

  /** The position of an entry that nobody is interested in. */
  begin(): Promise<string> {
    return this.publish({ op: 'delete', id: 'before' });
  }

  /** One upsert for each id; returns the ids of the entries. */
  async upsert(...ids: string[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.publish({ op: 'upsert', id, record: item(id) })));
  }

  async entries(): Promise<string[]> {
    return ((await this.client.xRange(this.stream, '-', '+')) ?? []).map(({ id }) => id);
  }

  /** How many connections wait for something. */
  async blocked(): Promise<number> {
    return (await this.#blocked()).length;
  }

  /** The id of a connection that waits, as soon as there is one. */
  async waiting(): Promise<number> {
    const found = await until(async () => {
      const [id] = await this.#blocked();
      return id !== undefined && { id };
    });
    return found.id;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#sessions.map((session) => session.close()));
    this.client.destroy();
  }

  async #blocked(): Promise<number[]> {
    const all = (await this.client.sendCommand(['CLIENT', 'LIST'])) as unknown as string;
    const waiting = all.split('\n').filter((line) => / flags=\w*b/.test(line));
    return waiting.map((line) => Number(/^id=(\d+)/.exec(line)?.[1]));
  }
}
