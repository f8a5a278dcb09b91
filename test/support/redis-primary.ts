import { type RedisStreamSourceOptions, encodeChange } from '../../src/sources/redis-stream/index.js';
import type { Item } from './item.js';
import { rowsKey, snapshotOf, streamKey } from './redis-primary-snapshot.js';
import type { TestClient } from './redis.js';

type Write =
  { readonly op: 'upsert'; readonly record: Item } | { readonly op: 'delete'; readonly id: string };

/** A primary whose rows and changes are in Redis, written together, so that other processes can follow it. */
export class RedisPrimary {
  readonly name: string;
  readonly #client: TestClient;

  constructor(client: TestClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  /** What a worker of this process needs; one of another process has its own client. */
  get sourceOptions(): RedisStreamSourceOptions<Item> {
    const client = this.#client;
    return { client, stream: streamKey(this.name), snapshot: snapshotOf(client, this.name), blockMs: 50 };
  }

  async upsert(...records: Item[]): Promise<void> {
    await this.write(records.map((record) => ({ op: 'upsert', record })));
  }

  async delete(...ids: string[]): Promise<void> {
    await this.write(ids.map((id) => ({ op: 'delete', id })));
  }

  /** All at once. */
  async write(writes: readonly Write[]): Promise<void> {
    await this.#commit(writes, false);
  }

  /** Instead of all rows these, at once. */
  async truncate(records: readonly Item[] = []): Promise<void> {
    await this.#commit(
      records.map((record) => ({ op: 'upsert', record })),
      true,
    );
  }

  /** An entry of the stream as it is given, and no row. */
  async publishRaw(fields: Readonly<Record<string, string>>): Promise<string> {
    return this.#client.xAdd(streamKey(this.name), '*', fields);
  }

  async #commit(writes: readonly Write[], afterTruncate: boolean): Promise<void> {
    const [rows, stream] = [rowsKey(this.name), streamKey(this.name)];
    const transaction = this.#client.multi();
    if (afterTruncate) transaction.del(rows).xAdd(stream, '*', encodeChange({ op: 'truncate' }));
    for (const write of writes) {
      if (write.op === 'upsert') {
        const { record } = write;
        transaction
          .hSet(rows, record.id, JSON.stringify(record))
          .xAdd(stream, '*', encodeChange<Item>({ op: 'upsert', id: record.id, record }));
      } else {
        transaction.hDel(rows, write.id).xAdd(stream, '*', encodeChange<Item>(write));
      }
    }
    await transaction.exec();
  }
}
