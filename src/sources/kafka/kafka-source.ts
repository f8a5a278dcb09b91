import type { ChangeSource, SourceSession, SourceWarning } from '../../sync/source.js';
import { KafkaSession } from './kafka-session.js';
import { LoadsNeeded } from './loads-needed.js';
import { type KafkaSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';

/**
 * A topic of Kafka as the change feed of a primary, and a compacted one as its snapshot, too. It joins nobody's group
 * and commits nothing: where it stands is kept in Redis.
 *
 * @example
 * const kafka = new Kafka({ clientId: 'categories', brokers: ['127.0.0.1:9092'] });
 * const source = new KafkaSource<Category>({ client: kafkajsClient(kafka), topic: 'category' });
 * const worker = new SyncWorker({ cache: categories, source });
 */
export class KafkaSource<R extends object> implements ChangeSource<R> {
  readonly name: string;
  readonly #options: ResolvedOptions<R>;
  readonly #loadsNeeded = new LoadsNeeded();

  /** @throws PrefetchError */
  constructor(options: KafkaSourceOptions<R>) {
    this.#options = resolveOptions(options);
    this.name = `kafka:${this.#options.topic}`;
  }

  open(
    signal: AbortSignal,
    onWarning: (warning: SourceWarning) => void = () => undefined,
  ): Promise<SourceSession<R>> {
    const options: ResolvedOptions<R> = {
      ...this.#options,
      onWarning: (warning) => {
        onWarning(warning);
        try {
          this.#options.onWarning(warning);
        } catch (error) {
          // What an application's function throws must not end who follows.
          process.emitWarning(`onWarning threw ${String(error)}`, 'PrefetchKafkaWarning');
        }
      },
    };
    return Promise.resolve(new KafkaSession<R>(options, this.#loadsNeeded, signal));
  }
}
