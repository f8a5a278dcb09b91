import type { Layout } from '../support/item.js';
import type { TestClient } from '../support/redis.js';
import type { TornItem } from './model.js';

/** The records of the cache as Redis has them, read without the library. */
export class CacheView {
  readonly #client: TestClient;
  readonly #dataset: string;
  readonly #layout: Layout;

  constructor(client: TestClient, dataset: string, layout: Layout) {
    this.#client = client;
    this.#dataset = dataset;
    this.#layout = layout;
  }

  /** The ids of records that have no TTL. */
  async withoutTtl(): Promise<string[]> {
    const found: string[] = [];
    for await (const keys of this.#pages()) {
      const ttls = await Promise.all(keys.map((key) => this.#client.pTTL(key)));
      found.push(...keys.filter((_, i) => ttls[i] === -1));
    }
    return found;
  }

  /** All records by their ids. What is no record is there without its fields. */
  async records(): Promise<Map<string, Partial<TornItem>>> {
    const found = new Map<string, Partial<TornItem>>();
    for await (const keys of this.#pages()) {
      const records = await Promise.all(keys.map((key) => this.#read(key)));
      for (const [i, key] of keys.entries()) {
        const record = records[i];
        if (record) found.set(key.slice(this.#dataset.length + 1), record);
      }
    }
    return found;
  }

  async record(id: string): Promise<Partial<TornItem> | undefined> {
    return this.#read(`${this.#dataset}:${id}`);
  }

  /** How many changes wait as dead letters. */
  async deadLetters(): Promise<number> {
    return this.#client.xLen(`prefetch:{${this.#dataset}}:dead-letters`);
  }

  async #read(key: string): Promise<Partial<TornItem> | undefined> {
    if (this.#layout === 'HASH') {
      const hash = await this.#client.hGetAll(key);
      return Object.keys(hash).length > 0 ? { ...hash } : undefined;
    }
    const type = await this.#client.type(key);
    if (type === 'none') return undefined;
    const text = type === 'string' ? await this.#client.get(key) : await this.#document(key);
    return text === null ? undefined : (JSON.parse(text) as Partial<TornItem>);
  }

  async #document(key: string): Promise<string | null> {
    return (await this.#client.sendCommand(['JSON.GET', key])) as unknown as string | null;
  }

  #pages(): AsyncIterable<string[]> {
    return this.#client.scanIterator({ MATCH: `${this.#dataset}:*`, COUNT: 500 });
  }
}
