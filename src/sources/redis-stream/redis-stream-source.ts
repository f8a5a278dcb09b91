import { StreamReader } from '../../redis/streams/stream-reader.js';
import { Trimmer } from '../../redis/streams/trimmer.js';
import type { ChangeSource, SourceSession } from '../../sync/source.js';
import { type RedisStreamSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { RedisStreamSession } from './redis-stream-session.js';

/**
 * A Redis stream as the change feed of a primary, for applications that publish their own changes.
 *
 * @example
 * const source = new RedisStreamSource<Category>({
 *   client,
 *   stream: 'changes:category',
 *   snapshot: async () => (await db.query('select * from category')).rows,
 * });
 * const worker = new SyncWorker({ cache: categories, source });
 */
export class RedisStreamSource<R extends object> implements ChangeSource<R> {
  readonly name: string;
  readonly #options: ResolvedOptions<R>;
  readonly #trimmer: Trimmer | undefined;

  /** @throws PrefetchError */
  constructor(options: RedisStreamSourceOptions<R>) {
    this.#options = resolveOptions(options);
    const { client, stream, trim } = this.#options;
    this.name = `redis-stream:${stream}`;
    this.#trimmer = trim ? new Trimmer(client, stream) : undefined;
  }

  open(signal: AbortSignal): Promise<SourceSession<R>> {
    const { client, stream, blockMs, snapshot } = this.#options;
    const reader = new StreamReader({ client, stream, blockMs, trimmer: this.#trimmer }, signal);
    return Promise.resolve(new RedisStreamSession<R>(reader, snapshot));
  }
}
