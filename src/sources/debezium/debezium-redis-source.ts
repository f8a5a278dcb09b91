import { StreamReader } from '../../redis/streams/stream-reader.js';
import { Trimmer } from '../../redis/streams/trimmer.js';
import type { ChangeSource, SourceSession, SourceWarning } from '../../sync/source.js';
import { DebeziumSession } from './debezium-session.js';
import { LoadsNeeded } from './loads-needed.js';
import { type DebeziumRedisSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';

/**
 * A table whose changes Debezium Server, or Redis Data Integration, writes to a Redis stream.
 *
 * @example
 * const source = new DebeziumRedisSource<Category>({
 *   client,
 *   stream: 'shop.public.category',
 *   snapshot: async () => (await db.query('select id::text, name from category')).rows,
 * });
 * const worker = new SyncWorker({ cache: categories, source });
 */
export class DebeziumRedisSource<R extends object> implements ChangeSource<R> {
  readonly name: string;
  readonly #options: ResolvedOptions<R>;
  readonly #trimmer: Trimmer | undefined;
  readonly #loadsNeeded = new LoadsNeeded();

  /** @throws PrefetchError */
  constructor(options: DebeziumRedisSourceOptions<R>) {
    this.#options = resolveOptions(options);
    const { client, stream, trim } = this.#options;
    this.name = `debezium:${stream}`;
    this.#trimmer = trim ? new Trimmer(client, stream) : undefined;
  }

  open(
    signal: AbortSignal,
    onWarning: (warning: SourceWarning) => void = () => undefined,
  ): Promise<SourceSession<R>> {
    const { client, stream, blockMs } = this.#options;
    const reader = new StreamReader({ client, stream, blockMs, trimmer: this.#trimmer }, signal);
    return Promise.resolve(new DebeziumSession<R>(this.#options, reader, this.#loadsNeeded, onWarning));
  }
}
