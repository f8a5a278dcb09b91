import { optionError } from '../../../errors.js';
import { milliseconds, refuseUnknownOptions } from '../../../options.js';
import type { SourceWarning } from '../../../sync/source.js';
import type { PostgresRow } from '../rows/postgres-row.js';
import { type TableName, flag, isText, namesOf, optional, tableOf } from '../rows/table-options.js';
import { type PgConfig, connectionOf } from '../server/pg-config.js';
import { type OutboxNames, defaultOutbox, mostBytesOfName, outboxNames } from './outbox-names.js';

export interface OutboxWarning extends SourceWarning {
  readonly code: 'reconnecting';
}

export interface OutboxSourceOptions<R> {
  /** What `new Client()` of pg takes: a connection string or its config. Of the primary. */
  readonly connection: string | PgConfig;
  /** `name` or `schema.name`, as it is written in the catalogue. */
  readonly table: string;
  /** The columns that a record is made of. @default all */
  readonly columns?: readonly string[] | undefined;
  /** The columns that identify a record. There must be a unique index on them. @default the primary key */
  readonly key?: string | readonly string[] | undefined;
  /** Which rows: an SQL condition on columns of the row. */
  readonly where?: string | undefined;
  /** Makes the record of a row, whose values are texts as Postgres writes them. `id` is set afterwards. */
  readonly map?: ((row: PostgresRow) => R | Omit<R, 'id'>) | undefined;
  /** The name of the outbox table. One per dataset. @default `prefetch_outbox_` and the name, in the table's schema */
  readonly outbox?: string | undefined;
  /** Whether to create the outbox and its triggers when they are missing. @default true */
  readonly create?: boolean | undefined;
  /** Whether a trigger wakes the source with NOTIFY. @default false */
  readonly notify?: boolean | undefined;
  /** How long to wait before looking again. @default 100, and 1000 with `notify` */
  readonly pollMs?: number | undefined;
  /** At most so often the table and its triggers are looked at while nothing changes. @default 5000 */
  readonly heartbeatMs?: number | undefined;
  /** How long after a checkpoint Redis has it safely: then rows of the outbox are deleted. @default 2000 */
  readonly acknowledgeAfterMs?: number | undefined;
  /** For how long to try to connect again before that is reported as a failure. @default 10000 */
  readonly reconnectWithinMs?: number | undefined;
  /** Hears, beside the event `source-warning`, what an operator should know. @default process.emitWarning */
  readonly onWarning?: ((warning: OutboxWarning) => void) | undefined;
}

/** What `outboxSql()` and `outboxRemovalSql()` need of the options of a source. */
export type OutboxSqlOptions = Pick<
  OutboxSourceOptions<object>,
  'table' | 'columns' | 'key' | 'where' | 'outbox' | 'notify'
>;

/** What the SQL of an outbox depends on. */
export interface OutboxTable {
  readonly table: TableName;
  readonly columns: readonly string[] | undefined;
  readonly key: readonly string[] | undefined;
  readonly where: string | undefined;
  readonly names: OutboxNames;
  readonly notify: boolean;
}

export interface ResolvedOptions extends OutboxTable {
  readonly connection: PgConfig;
  readonly map: ((row: PostgresRow) => object) | undefined;
  readonly create: boolean;
  readonly pollMs: number;
  readonly heartbeatMs: number;
  readonly acknowledgeAfterMs: number;
  readonly reconnectWithinMs: number;
  readonly onWarning: (warning: OutboxWarning) => void;
}

export const known: readonly (keyof OutboxSourceOptions<unknown>)[] = [
  'connection',
  'table',
  'columns',
  'key',
  'where',
  'map',
  'outbox',
  'create',
  'notify',
  'pollMs',
  'heartbeatMs',
  'acknowledgeAfterMs',
  'reconnectWithinMs',
  'onWarning',
];

/** @throws PrefetchError */
export function resolveOptions<R>(options: OutboxSourceOptions<R>): ResolvedOptions {
  refuseUnknownOptions('OutboxSource', options, known);
  const { acknowledgeAfterMs = 2_000, map } = options;
  if (map !== undefined && typeof map !== 'function') {
    throw optionError('map', 'a function that makes a record of a row', map);
  }
  const table = resolveTable(options);
  return Object.freeze({
    ...table,
    connection: connectionOf(options.connection),
    map: map as ResolvedOptions['map'],
    create: flag('create', options.create, true),
    pollMs: milliseconds('pollMs', options.pollMs ?? (table.notify ? 1_000 : 100)),
    heartbeatMs: milliseconds('heartbeatMs', options.heartbeatMs ?? 5_000),
    acknowledgeAfterMs: acknowledgeAfterMs === 0 ? 0 : milliseconds('acknowledgeAfterMs', acknowledgeAfterMs),
    reconnectWithinMs: milliseconds('reconnectWithinMs', options.reconnectWithinMs ?? 10_000),
    onWarning: onWarningOf(options.onWarning),
  });
}

/** @throws PrefetchError */
export function resolveTable(options: OutboxSqlOptions): OutboxTable {
  const table = tableOf(options.table);
  const names = outboxNames(
    options.outbox === undefined ? defaultOutbox(table) : outboxOf(options.outbox, table),
  );
  if (
    [names.outbox, names.state].some(({ schema, name }) => schema === table.schema && name === table.name)
  ) {
    throw optionError('outbox', 'the name of another table', options.outbox);
  }
  return {
    table,
    columns: options.columns && namesOf('columns', options.columns),
    key:
      options.key === undefined
        ? undefined
        : namesOf('key', typeof options.key === 'string' ? [options.key] : options.key),
    where: optional('where', options.where, isText, 'an SQL condition'),
    names,
    notify: flag('notify', options.notify, false),
  };
}

function outboxOf(given: unknown, table: TableName): TableName {
  const parts = isText(given) ? given.split('.') : [];
  const [schema, name] = parts.length === 1 ? [table.schema, parts[0]] : parts;
  if (!schema || !name || parts.length > 2 || Buffer.byteLength(name) > mostBytesOfName) {
    throw optionError('outbox', `a name of at most ${mostBytesOfName} bytes, or schema.name`, given);
  }
  return { schema, name };
}

function onWarningOf(given: unknown): (warning: OutboxWarning) => void {
  if (given === undefined) {
    return ({ code, message }) => {
      process.emitWarning(message, { type: 'PrefetchOutboxWarning', code });
    };
  }
  if (typeof given !== 'function') throw optionError('onWarning', 'a function', given);
  return given as (warning: OutboxWarning) => void;
}
