import type { ChangeSource, SourceSession, SourceWarning } from '../../../sync/source.js';
import { Acknowledgements } from './acknowledgements.js';
import { Connections } from '../server/connections.js';
import { warnBoth } from '../server/warn-both.js';
import { type PostgresSourceOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { PostgresSession } from './postgres-session.js';

/**
 * A table of Postgres: an exact snapshot of its rows, and from there every change by logical replication.
 *
 * @example
 * const source = new PostgresSource<Category>({ connection: process.env.DATABASE_URL, table: 'category' });
 * const worker = new SyncWorker({ cache: categories, source });
 */
export class PostgresSource<R extends object> implements ChangeSource<R> {
  readonly name: string;
  readonly #options: ResolvedOptions;
  readonly #connections: Connections;
  readonly #acknowledgements: Acknowledgements;

  /** @throws PrefetchError */
  constructor(options: PostgresSourceOptions<R>) {
    this.#options = resolveOptions(options);
    const { table, connection, acknowledgeAfterMs } = this.#options;
    this.name = `postgres:${table.schema}.${table.name}`;
    this.#connections = new Connections(connection);
    this.#acknowledgements = new Acknowledgements(acknowledgeAfterMs);
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
    return PostgresSession.open<R>(options, this.#connections, this.#acknowledgements, signal);
  }
}
