import { optionError } from '../../errors.js';
import { refuseUnknownOptions } from '../../options.js';
import { type ColumnType, type Reading, readingOf } from './column-types.js';
import type { Row } from './message.js';
import { unavailability } from './unavailable.js';

/** The fields of a record; whether their values fit is found out when it is written. */
export type MappedRecord<R> = Readonly<Partial<Record<keyof R, unknown>>>;

export interface DebeziumDecodeOptions<R> {
  /**
   * The columns whose values make the id of a record, in this order; several are joined with `:`. Others than those of
   * the key need the whole row before a change: `REPLICA IDENTITY FULL` on Postgres.
   * @default the columns of the message's key
   */
  readonly keyColumns?: readonly string[] | undefined;
  /** Makes the id of a record from a row. Of a row that is gone there may be no more than its key columns. */
  readonly id?: ((row: Row) => string | number) | undefined;
  /**
   * Makes a record of a row. The id is added where it does not set one. Columns may be missing: what is undefined then
   * stays as it is cached.
   * @default the row, with its id
   */
  readonly map?: ((row: Row) => MappedRecord<R>) | undefined;
  /** What the values of columns are, where the messages come without schema. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /**
   * What stands for a value that the database did not log, as the connector's `unavailable.value.placeholder`.
   * @default '__debezium_unavailable_value'
   */
  readonly unavailableValue?: string | undefined;
}

export interface DecodeSettings<R> {
  readonly keyColumns: readonly string[] | undefined;
  readonly id: ((row: Row) => string | number) | undefined;
  readonly map: ((row: Row) => MappedRecord<R>) | undefined;
  readonly readings: ReadonlyMap<string, Reading>;
  readonly isUnavailable: (given: unknown) => boolean;
}

export const decodeOptionNames = ['keyColumns', 'id', 'map', 'types', 'unavailableValue'] as const;

/** @throws PrefetchError */
export function resolveDecodeOptions<R>(owner: string, options: DebeziumDecodeOptions<R>): DecodeSettings<R> {
  refuseUnknownOptions(owner, options, decodeOptionNames);
  const { keyColumns, id, map, types = {}, unavailableValue = '__debezium_unavailable_value' } = options;
  if (keyColumns !== undefined && !isListOfNames(keyColumns)) {
    throw optionError('keyColumns', 'a list of names of columns', keyColumns);
  }
  if (keyColumns !== undefined && id !== undefined) {
    throw optionError('id', 'left out where there are `keyColumns`', id);
  }
  for (const [name, given] of Object.entries({ id, map })) {
    if (given !== undefined && typeof given !== 'function')
      throw optionError(name, 'a function of a row', given);
  }
  if (typeof types !== 'object' || (types as unknown) === null) {
    throw optionError('types', 'an object of columns and their types', types);
  }
  if (typeof unavailableValue !== 'string' || unavailableValue === '') {
    throw optionError('unavailableValue', 'a text', unavailableValue);
  }
  return Object.freeze({
    keyColumns,
    id,
    map,
    readings: new Map(Object.entries(types).map(([column, type]) => [column, readingOf(column, type)])),
    isUnavailable: unavailability(unavailableValue),
  });
}

function isListOfNames(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.length > 0 && given.every((name) => typeof name === 'string' && name);
}
