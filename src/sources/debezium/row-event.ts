import { isObject, valueBySchema } from './column-types.js';
import type { DecodeSettings } from './decode-options.js';
import { Garbage, shown } from './garbage.js';
import type { Message, Row, SnapshotRow } from './message.js';
import type { SourcePosition } from './source-position.js';

/** What happened to one record, or to all of them. */
export interface RowEvent {
  readonly op: 'upsert' | 'delete' | 'truncate' | 'tombstone';
  /** Empty for a truncate. */
  readonly id: string;
  /** Under which id the record was before, when that was another. */
  readonly formerId: string | undefined;
  /** What its columns hold, as it belongs into a record; without those that are lacking. */
  readonly row: Row;
  /** Columns whose values the database did not log. */
  readonly lacking: readonly string[];
  readonly isPartial: boolean;
  /** Whether events of its kind say of a deletion that it is one: then a tombstone adds nothing. */
  readonly tellsDeletions: boolean;
  readonly position: SourcePosition | undefined;
  readonly snapshot: SnapshotRow | undefined;
  readonly timestampMs: number | undefined;
}

/**
 * Undefined for what concerns no record.
 *
 * @throws Garbage
 */
export function rowEventOf<R>(message: Message, settings: DecodeSettings<R>): RowEvent | undefined {
  const { op, tellsDeletions, position, snapshot, timestampMs } = message;
  if (op === 'nothing') return undefined;
  const rest = { tellsDeletions, position, snapshot, timestampMs };
  if (op === 'truncate') {
    return { op, id: '', formerId: undefined, row: {}, lacking: [], isPartial: false, ...rest };
  }
  const key = keyOf(message, settings);
  const { row, lacking } = columnsOf(message, settings);
  const id = idOf({ ...key.columns, ...row }, key, settings);
  const formerId = op === 'upsert' ? formerIdOf(message, row, key, settings) : undefined;
  return {
    op,
    id,
    formerId: formerId === id ? undefined : formerId,
    row,
    lacking,
    isPartial: lacking.length > 0,
    ...rest,
  };
}

/**
 * Whose record a message tells of, though its other columns cannot be read. Undefined when any of them may be in the
 * id.
 *
 * @throws Garbage
 */
export function idAloneOf<R>(message: Message, settings: DecodeSettings<R>): string | undefined {
  if (settings.id) return undefined;
  const names = settings.keyColumns ?? [];
  const columns = Object.entries(message.row ?? {}).filter(([name]) => names.includes(name));
  const key = keyOf(message, settings);
  const { row } = columnsOf({ ...message, row: Object.fromEntries(columns) }, settings);
  return idOf({ ...key.columns, ...row }, key, settings);
}

interface Key {
  /** Empty where the key is a single value. */
  readonly columns: Row;
  readonly value: unknown;
}

function keyOf<R>({ key }: Message, settings: DecodeSettings<R>): Key {
  if (key === undefined) return { columns: {}, value: undefined };
  const value = valueBySchema(key.value, key.schema ?? {});
  if (!isObject(value)) return { columns: {}, value };
  const isTold = key.schema !== undefined;
  const columns = Object.entries(value).map(([name, given]) => {
    return [name, isTold ? given : read(name, given, settings.readings.get(name))];
  });
  return { columns: Object.fromEntries(columns) as Row, value };
}

function columnsOf<R>(message: Message, settings: DecodeSettings<R>): { row: Row; lacking: string[] } {
  const { before, columns } = message;
  const lacking: string[] = [];
  const known: [string, unknown][] = [];
  for (const [name, given] of Object.entries(message.row ?? {})) {
    const instead = settings.isUnavailable(given) ? before?.[name] : given;
    if (instead === undefined || settings.isUnavailable(instead)) {
      lacking.push(name);
      continue;
    }
    const schema = columns.get(name);
    const bySchema = schema && ((value: unknown) => valueBySchema(value, schema));
    known.push([name, read(name, instead, settings.readings.get(name) ?? bySchema)]);
  }
  return { row: Object.fromEntries(known), lacking };
}

function read(column: string, given: unknown, reading: ((given: unknown) => unknown) | undefined): unknown {
  if (given === null || !reading) return given;
  try {
    return reading(given);
  } catch (error) {
    throw new Garbage(`the column ${column}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function idOf<R>(row: Row, key: Key, { id, keyColumns }: DecodeSettings<R>): string {
  if (id) return textOf('what `id` gives', id(row));
  if (keyColumns) return joined(keyColumns.map((name) => [name, row[name]]));
  if (key.value === undefined) throw new Garbage('it has no key: give the option `keyColumns` or `id`');
  if (!isObject(key.value)) return textOf('the key', key.value);
  const columns = Object.entries(key.columns);
  if (columns.length === 0) throw new Garbage('its key has no columns');
  return joined(columns);
}

/** Where the id is not made of the key, a change may bring another one without being a change of the key. */
function formerIdOf<R>(
  message: Message,
  row: Row,
  key: Key,
  settings: DecodeSettings<R>,
): string | undefined {
  if (!message.before) return undefined;
  try {
    const { row: before } = columnsOf({ ...message, row: message.before, before: undefined }, settings);
    return idOf({ ...row, ...before }, key, settings);
  } catch {
    return undefined; // the row before is not all there
  }
}

/** No two keys give the same id. */
function joined(columns: readonly (readonly [string, unknown])[]): string {
  const texts = columns.map(([name, value]) => textOf(`the key column ${name}`, value));
  const [only] = texts;
  if (texts.length === 1 && only !== undefined) return only;
  return texts.map((text) => text.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':');
}

function textOf(what: string, value: unknown): string {
  if ((typeof value === 'string' && value !== '') || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw new Garbage(`${what} is ${shown(value)}, which makes no id`);
}
