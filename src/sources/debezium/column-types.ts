import { optionError } from '../../errors.js';
import { bitsText, decimalText, scaleOf, variableDecimalText } from './binary-text.js';
import { parseExactly } from './exact-json.js';
import { Garbage, shown } from './garbage.js';
import { dateText, timeText, timestampText } from './time-text.js';

/** What a value in a message means, where the message itself does not say: for the option `types`. */
export type ColumnType =
  | `decimal(${number})`
  | 'date'
  | `timestamp-${'ms' | 'us' | 'ns'}`
  | `time-${'ms' | 'us' | 'ns'}`
  | 'json'
  /** A number that comes as text. */
  | 'number'
  /** True or false that comes as text or number. */
  | 'boolean'
  | `bits(${number})`
  /** As the message has it, whatever its schema says. */
  | 'as-it-is';

/** The value as it belongs into a record. It throws Garbage for what is no such value. */
export type Reading = (given: unknown) => unknown;

/** The schema of a field, where the message has one. */
export interface FieldSchema {
  readonly type?: unknown;
  readonly field?: unknown;
  readonly name?: unknown;
  readonly parameters?: Readonly<Record<string, unknown>> | null;
  readonly fields?: readonly FieldSchema[];
  readonly items?: FieldSchema;
}

const plainTypes: Readonly<Record<string, Reading>> = {
  date: dateText,
  'timestamp-ms': (given) => timestampText(given, 'ms'),
  'timestamp-us': (given) => timestampText(given, 'us'),
  'timestamp-ns': (given) => timestampText(given, 'ns'),
  'time-ms': (given) => timeText(given, 'ms'),
  'time-us': (given) => timeText(given, 'us'),
  'time-ns': (given) => timeText(given, 'ns'),
  json: jsonValue,
  number: numberValue,
  boolean: booleanValue,
  'as-it-is': (given) => given,
};

/** @throws PrefetchError */
export function readingOf(column: string, type: unknown): Reading {
  const [, name, size] = typeof type === 'string' ? (/^(decimal|bits)\((-?\d{1,5})\)$/.exec(type) ?? []) : [];
  if (name === 'decimal') return (given) => decimalText(given, Number(size));
  if (name === 'bits') return (given) => bitsText(given, Number(size));
  const plain = typeof type === 'string' && Object.hasOwn(plainTypes, type) ? plainTypes[type] : undefined;
  if (plain) return plain;
  const known = ['decimal(2)', 'bits(8)', ...Object.keys(plainTypes)].join(', ');
  throw optionError(`types.${column}`, `one of ${known}`, type);
}

/** By the name that a schema gives to a type. What is not here is in a message as it belongs into a record. */
const namedTypes: Readonly<Record<string, (schema: FieldSchema) => Reading>> = {
  'org.apache.kafka.connect.data.Decimal': ({ parameters }) => {
    const scale = scaleOf(parameters?.['scale']);
    return (given) => decimalText(given, scale);
  },
  'org.apache.kafka.connect.data.Date': () => dateText,
  'org.apache.kafka.connect.data.Time': () => (given) => timeText(given, 'ms'),
  'org.apache.kafka.connect.data.Timestamp': () => (given) => timestampText(given, 'ms'),
  'io.debezium.data.VariableScaleDecimal': () => variableDecimalText,
  'io.debezium.data.Json': () => jsonValue,
  'io.debezium.data.Bits': ({ parameters }) => {
    const length = Number(parameters?.['length'] ?? 0);
    return (given) => bitsText(given, length);
  },
  'io.debezium.time.Date': () => dateText,
  'io.debezium.time.Time': () => (given) => timeText(given, 'ms'),
  'io.debezium.time.MicroTime': () => (given) => timeText(given, 'us'),
  'io.debezium.time.NanoTime': () => (given) => timeText(given, 'ns'),
  'io.debezium.time.Timestamp': () => (given) => timestampText(given, 'ms'),
  'io.debezium.time.MicroTimestamp': () => (given) => timestampText(given, 'us'),
  'io.debezium.time.NanoTimestamp': () => (given) => timestampText(given, 'ns'),
};

export function valueBySchema(given: unknown, schema: FieldSchema): unknown {
  if (given === null || given === undefined) return given;
  const named =
    typeof schema.name === 'string' && Object.hasOwn(namedTypes, schema.name)
      ? namedTypes[schema.name]
      : undefined;
  if (named) return named(schema)(given);
  const { items, fields } = schema;
  if (items && Array.isArray(given)) return given.map((item: unknown) => valueBySchema(item, items));
  if (Array.isArray(fields) && isObject(given)) {
    const schemas = schemasByField(schema);
    return Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, valueBySchema(value, schemas.get(name) ?? {})]),
    );
  }
  return given;
}

export function schemasByField(schema: FieldSchema | undefined): ReadonlyMap<string, FieldSchema> {
  const { fields } = schema ?? {};
  if (!Array.isArray(fields)) return new Map();
  return new Map(
    (fields as unknown[]).filter(isObject).map((field: FieldSchema) => [String(field.field), field]),
  );
}

export function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

function numberValue(given: unknown): number {
  const text = typeof given === 'number' || typeof given === 'string' ? String(given) : '';
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new Garbage(`${shown(given)} is not a number`);
  return value;
}

const truths: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...[true, 1, 'true', 't', '1'].map((given) => [given, true] as const),
  ...[false, 0, 'false', 'f', '0'].map((given) => [given, false] as const),
]);

function booleanValue(given: unknown): boolean {
  const value = truths.get(typeof given === 'string' ? given.toLowerCase() : given);
  if (value === undefined) throw new Garbage(`${shown(given)} is neither true nor false`);
  return value;
}

function jsonValue(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    return parseExactly(given);
  } catch {
    throw new Garbage(`${shown(given)} is not JSON`);
  }
}
