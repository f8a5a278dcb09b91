import type { ChangeSource, SourceSession, SourceWarning } from '../../../sync/source.js';
import { Connections } from '../server/connections.js';
import { warnBoth } from '../server/warn-both.js';
import { type OutboxSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { OutboxSession } from './outbox-session.js';
import { Readers } from './readers.js';

/**
 * A table of Postgres: an exact snapshot of its rows, and from there every change by a trigger and an outbox table. It
 * needs no right to replicate.
 *
 * @example
 * const source = new OutboxSource<Category>({ connection: process.env.DATABASE_URL, table: 'category' });
 * const worker = new SyncWorker({ cache: categories, source });
 */
export class OutboxSource<R extends object> implements ChangeSource<R> {
  readonly name: string;
  readonly #options: ResolvedOptions;
  readonly #connections: Connections;
  readonly #readers = new Readers();

  /** @throws PrefetchError */
  constructor(options: OutboxSourceOptions<R>) {
    this.#options = resolveOptions(options);
    const { table, connection } = this.#options;
    this.name = `outbox:${table.schema}.${table.name}`;
    this.#connections = new Connections(connection);
  }

  /** @throws PrefetchError when something is missing that the source cannot or may not create, with what to do */
  open(
    signal: AbortSignal,
    onWarning: (warning: SourceWarning) => void = () => undefined,
  ): Promise<SourceSession<R>> {
    const options: ResolvedOptions = {
      ...this.#options,
      onWarning: warnBoth(onWarning, this.#options.onWarning),
    };
    return OutboxSession.open<R>(options, this.#connections, this.#readers, signal);
  }
}
