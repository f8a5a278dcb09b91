import { optionError } from '../../../errors.js';
import { milliseconds, positiveInteger, refuseUnknownOptions } from '../../../options.js';
import { defaultName } from './names.js';
import type { PostgresRow } from '../rows/postgres-row.js';
import type { SourceWarning } from '../../../sync/source.js';
import { type TableName, flag, isText, namesOf, optional, tableOf } from '../rows/table-options.js';
import { type PgConfig, connectionOf } from '../server/pg-config.js';

export interface PostgresWarning extends SourceWarning {
  readonly code: 'slot-grows' | 'slot-endangered' | 'reconnecting';
}

export interface PostgresSourceOptions<R> {
  /** What `new Client()` of pg takes: a connection string or its config. Of the primary, not of a pooler. */
  readonly connection: string | PgConfig;
  /** `name` or `schema.name`, as it is written in the catalogue. */
  readonly table: string;
  /** The columns that a record is made of. @default all that are published */
  readonly columns?: readonly string[] | undefined;
  /** The columns that identify a record, unique and not null. @default the primary key */
  readonly key?: string | readonly string[] | undefined;
  /** Which rows: an SQL condition for the publication, on columns of the replica identity. */
  readonly where?: string | undefined;
  /** Makes the record of a row, whose values are texts as Postgres writes them. `id` is set afterwards. */
  readonly map?: ((row: PostgresRow) => R | Omit<R, 'id'>) | undefined;
  /** @default `prefetch_` and the name of the table */
  readonly publication?: string | undefined;
  /** One per dataset. @default `prefetch_` and the name of the table */
  readonly slot?: string | undefined;
  /** Whether the slot lives only as long as the connection: each start is a load, and only the publication stays. */
  readonly temporary?: boolean | undefined;
  /** Whether standbys get the slot too (Postgres 17). @default false */
  readonly failover?: boolean | undefined;
  /** Whether to create the publication and the slot when they are missing. @default true */
  readonly create?: boolean | undefined;
  /** At most so often the position is moved while others write to the database. @default 5000 */
  readonly heartbeatMs?: number | undefined;
  /** How long after a checkpoint Redis has it safely: then the server may forget. @default 2000 */
  readonly acknowledgeAfterMs?: number | undefined;
  /** For how long to try to connect again before that is reported as a failure. @default 10000 */
  readonly reconnectWithinMs?: number | undefined;
  /** How much of its log the server may keep for the slot before that is a warning. @default 1 GiB */
  readonly retainedBytesLimit?: number | undefined;
  /** Hears, beside the event `source-warning`, what an operator should know. @default process.emitWarning */
  readonly onWarning?: ((warning: PostgresWarning) => void) | undefined;
}

export interface ResolvedOptions {
  readonly connection: PgConfig;
  readonly table: TableName;
  readonly columns: readonly string[] | undefined;
  readonly key: readonly string[] | undefined;
  readonly where: string | undefined;
  readonly map: ((row: PostgresRow) => object) | undefined;
  readonly publication: string;
  readonly slot: string;
  readonly temporary: boolean;
  readonly failover: boolean;
  readonly create: boolean;
  readonly heartbeatMs: number;
  readonly acknowledgeAfterMs: number;
  readonly reconnectWithinMs: number;
  readonly retainedBytesLimit: number;
  readonly onWarning: (warning: PostgresWarning) => void;
}

const known: readonly (keyof ResolvedOptions)[] = [
  'connection',
  'table',
  'columns',
  'key',
  'where',
  'map',
  'publication',
  'slot',
  'temporary',
  'failover',
  'create',
  'heartbeatMs',
  'acknowledgeAfterMs',
  'reconnectWithinMs',
  'retainedBytesLimit',
  'onWarning',
];

/** @throws PrefetchError */
export function resolveOptions<R>(options: PostgresSourceOptions<R>): ResolvedOptions {
  refuseUnknownOptions('PostgresSource', options, known);
  const table = tableOf(options.table);
  const name = defaultName(table);
  const { acknowledgeAfterMs = 2_000, map } = options;
  if (map !== undefined && typeof map !== 'function') {
    throw optionError('map', 'a function that makes a record of a row', map);
  }
  return Object.freeze({
    connection: connectionOf(options.connection),
    table,
    columns: options.columns && namesOf('columns', options.columns),
    key:
      options.key === undefined
        ? undefined
        : namesOf('key', typeof options.key === 'string' ? [options.key] : options.key),
    where: optional('where', options.where, isText, 'an SQL condition'),
    map: map as ResolvedOptions['map'],
    publication: optional('publication', options.publication, isText, 'a name') ?? name,
    slot: optional('slot', options.slot, isSlotName, 'up to 63 of a-z, 0-9 and _') ?? name,
    temporary: flag('temporary', options.temporary, false),
    failover: flag('failover', options.failover, false),
    create: flag('create', options.create, true),
    heartbeatMs: milliseconds('heartbeatMs', options.heartbeatMs ?? 5_000),
    acknowledgeAfterMs: acknowledgeAfterMs === 0 ? 0 : milliseconds('acknowledgeAfterMs', acknowledgeAfterMs),
    reconnectWithinMs: milliseconds('reconnectWithinMs', options.reconnectWithinMs ?? 10_000),
    retainedBytesLimit: positiveInteger('retainedBytesLimit', options.retainedBytesLimit ?? 1_073_741_824),
    onWarning: onWarningOf(options.onWarning),
  });
}

function onWarningOf(given: unknown): (warning: PostgresWarning) => void {
  if (given === undefined) {
    return ({ code, message }) => {
      process.emitWarning(message, { type: 'PrefetchPostgresWarning', code });
    };
  }
  if (typeof given !== 'function') throw optionError('onWarning', 'a function', given);
  return given as (warning: PostgresWarning) => void;
}

function isSlotName(given: unknown): given is string {
  return typeof given === 'string' && /^[a-z0-9_]{1,63}$/.test(given);
}
