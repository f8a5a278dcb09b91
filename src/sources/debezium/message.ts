import { type FieldSchema, isObject, schemasByField } from './column-types.js';
import { parseExactly } from './exact-json.js';
import { Garbage, shown } from './garbage.js';
import { type SourcePosition, positionIn } from './source-position.js';

/** The key or the value of a message, whatever carries it. Null is what stands where there is none. */
export type MessagePart = string | Uint8Array | null | undefined;

export type Row = Readonly<Record<string, unknown>>;

/** Whether an event is a row of one of Debezium's snapshots, and which: `incremental` belongs to no beginning or end. */
export type SnapshotRow = 'first' | 'row' | 'last' | 'incremental';

/** A part of a message with its schema, if it has one. */
interface Part {
  readonly value: unknown;
  readonly schema: FieldSchema | undefined;
}

/** What a message says, before its columns are read. */
export interface Message {
  readonly op: 'upsert' | 'delete' | 'truncate' | 'tombstone' | 'nothing';
  readonly key: Part | undefined;
  /** After an upsert, before a delete. */
  readonly row: Row | undefined;
  /** The row before the change, where the database gives it. */
  readonly before: Row | undefined;
  readonly columns: ReadonlyMap<string, FieldSchema>;
  /** Whether messages of its kind say of a deletion that it is one: then a tombstone adds nothing. */
  readonly tellsDeletions: boolean;
  readonly position: SourcePosition | undefined;
  readonly snapshot: SnapshotRow | undefined;
  readonly timestampMs: number | undefined;
}

const operations: Readonly<Record<string, Message['op']>> = {
  c: 'upsert',
  u: 'upsert',
  r: 'upsert',
  d: 'delete',
  t: 'truncate',
  m: 'nothing',
};

/** @throws Garbage */
export function readMessage(key: MessagePart, value: MessagePart): Message {
  const keyPart = partOf('key', key);
  const valuePart = partOf('value', value);
  if (valuePart === undefined) return tombstone(keyPart);
  const { value: payload, schema } = valuePart;
  if (!isObject(payload)) throw new Garbage(`the value is ${shown(payload)}, not an object`);
  if ('specversion' in payload && 'data' in payload)
    throw new Garbage('it is a CloudEvent: set debezium.format.value=json');
  return isObject(payload['source']) && typeof payload['op'] === 'string'
    ? envelope(keyPart, payload, payload['source'], schema)
    : flatRow(keyPart, payload, schema);
}

function tombstone(key: Part | undefined): Message {
  if (key === undefined) throw new Garbage('it has neither key nor value');
  const nothing = { row: undefined, before: undefined, columns: new Map<string, FieldSchema>() };
  const unknown = { position: undefined, snapshot: undefined, timestampMs: undefined };
  return { op: 'tombstone', key, ...nothing, ...unknown, tellsDeletions: false };
}

function envelope(
  key: Part | undefined,
  payload: Row,
  source: Row,
  schema: FieldSchema | undefined,
): Message {
  const given = String(payload['op']);
  const op = operationOf(given);
  const [after, before] = [rowOf(payload, 'after'), rowOf(payload, 'before')];
  if (op === 'upsert' && !after) throw new Garbage('there is no row after the change');
  const parts = schemasByField(schema);
  return {
    op,
    key,
    row: op === 'upsert' ? after : before,
    before,
    columns: schemasByField(parts.get('after') ?? parts.get('before')),
    tellsDeletions: true,
    position: positionIn((name) => source[name]),
    snapshot: given === 'r' ? snapshotRow(source['snapshot']) : undefined,
    timestampMs: timeOf(source['ts_ms']),
  };
}

/** What ExtractNewRecordState makes of it: the row, and what the option add.fields asks for, with __ before its name. */
function flatRow(key: Part | undefined, payload: Row, schema: FieldSchema | undefined): Message {
  const metadata = (name: string) => payload[`__${name}`] ?? payload[`__source_${name}`];
  const given = payload['__op'];
  const op =
    given === undefined || given === null
      ? 'upsert'
      : operationOf(typeof given === 'string' ? given : shown(given));
  const isDeleted = String(payload['__deleted']) === 'true';
  const row = Object.fromEntries(Object.entries(payload).filter(([name]) => !name.startsWith('__')));
  return {
    op: isDeleted ? 'delete' : op,
    key,
    row,
    before: undefined,
    columns: schemasByField(schema),
    tellsDeletions: '__deleted' in payload,
    position: positionIn(metadata),
    snapshot: given === 'r' ? snapshotRow(metadata('snapshot')) : undefined,
    timestampMs: timeOf(payload['__source_ts_ms']),
  };
}

/** @throws Garbage */
function partOf(name: string, given: MessagePart): Part | undefined {
  if (given === null || given === undefined) return undefined;
  const text = typeof given === 'string' ? given : Buffer.from(given).toString('utf8');
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch {
    throw new Garbage(`the ${name} is not JSON`);
  }
  if (value === null) return undefined;
  if (!isWrapped(value)) return { value, schema: undefined };
  const { schema, payload } = value;
  return payload === null ? undefined : { value: payload, schema: schema ?? undefined };
}

/** As JSON comes with schemas.enable. */
function isWrapped(value: unknown): value is { schema: FieldSchema | null; payload: unknown } {
  if (!isObject(value) || Object.keys(value).length !== 2 || !('payload' in value)) return false;
  const { schema } = value;
  return schema === null || (isObject(schema) && typeof schema['type'] === 'string');
}

function operationOf(given: string): Message['op'] {
  const op = Object.hasOwn(operations, given) ? operations[given] : undefined;
  if (op === undefined) throw new Garbage(`the operation ${shown(given)} is unknown`);
  return op;
}

function rowOf(payload: Row, name: string): Row | undefined {
  const row = payload[name];
  if (row === null || row === undefined) return undefined;
  if (!isObject(row)) throw new Garbage(`what is ${name} the change is ${shown(row)}, not a row`);
  return row;
}

function snapshotRow(given: unknown): SnapshotRow {
  const text = String(given);
  if (text.startsWith('first')) return 'first';
  if (text.startsWith('last')) return 'last';
  const isUntold = given === undefined || given === null;
  return isUntold || text === 'incremental' ? 'incremental' : 'row';
}

/** Some connectors give 0 for a time that they do not know. */
function timeOf(given: unknown): number | undefined {
  const ms = Number(given);
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined;
}
