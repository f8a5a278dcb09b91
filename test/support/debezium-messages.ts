/** Messages as Debezium's Postgres connector makes them, for the table public.category of the topic prefix shop. */

export interface PostgresEvent {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't' | 'm';
  readonly before?: object | null;
  readonly after?: object | null;
  readonly lsn?: number;
  readonly snapshot?: string;
  readonly timestampMs?: number;
}

export interface KeyAndValue {
  readonly key: string | null;
  readonly value: string | null;
}

export const unavailable = '__debezium_unavailable_value';

/** The payload of a value, as it is without schemas. */
export function payloadOf(event: PostgresEvent): Record<string, unknown> {
  const { op, before = null, after = null, lsn = 24_023_128, snapshot = 'false' } = event;
  const timestampMs = event.timestampMs ?? 1_700_000_000_123;
  return {
    before,
    after,
    source: {
      version: '3.4.0.Final',
      connector: 'postgresql',
      name: 'shop',
      ts_ms: timestampMs,
      snapshot,
      db: 'shop',
      sequence: `["${lsn - 8}","${lsn}"]`,
      ts_us: timestampMs * 1_000,
      ts_ns: timestampMs * 1_000_000,
      schema: 'public',
      table: 'category',
      txId: 771,
      lsn,
      xmin: null,
    },
    transaction: null,
    op,
    ts_ms: timestampMs + 5,
    ts_us: (timestampMs + 5) * 1_000,
    ts_ns: (timestampMs + 5) * 1_000_000,
  };
}

/** A message with `schemas.enable=false`. */
export function message(key: object | null, event: PostgresEvent): KeyAndValue {
  return { key: key && JSON.stringify(key), value: JSON.stringify(payloadOf(event)) };
}

/** A field of a row in a schema. */
export interface Column {
  readonly field: string;
  readonly type: string;
  readonly name?: string;
  readonly parameters?: Record<string, string>;
  readonly items?: object;
  readonly fields?: readonly object[];
}

/** A message with `schemas.enable=true`, which is the default. */
export function messageWithSchema(
  key: Record<string, unknown>,
  columns: readonly Column[],
  event: PostgresEvent,
): KeyAndValue {
  const fields = columns.map((column) => ({ optional: true, ...column }));
  const keyFields = fields.filter(({ field }) => field in key);
  const row = (field: string) => {
    return { type: 'struct', fields, optional: true, name: 'shop.public.category.Value', field };
  };
  const source = {
    type: 'struct',
    fields: [],
    optional: false,
    name: 'io.debezium.connector.postgresql.Source',
  };
  return {
    key: JSON.stringify({
      schema: { type: 'struct', fields: keyFields, optional: false, name: 'shop.public.category.Key' },
      payload: key,
    }),
    value: JSON.stringify({
      schema: {
        type: 'struct',
        fields: [
          row('before'),
          row('after'),
          { ...source, field: 'source' },
          { type: 'string', optional: false, field: 'op' },
          { type: 'int64', optional: true, field: 'ts_ms' },
        ],
        optional: false,
        name: 'shop.public.category.Envelope',
        version: 2,
      },
      payload: payloadOf(event),
    }),
  };
}

/** What ExtractNewRecordState makes, with `add.fields=op,lsn,source.ts_ms`. */
export function flattened(
  key: object,
  row: object,
  metadata: { op?: string; lsn?: number; deleted?: 'true' | 'false'; timestampMs?: number } = {},
): KeyAndValue {
  const { op = 'u', lsn = 24_023_128, deleted = 'false', timestampMs = 1_700_000_000_123 } = metadata;
  const added = { __op: op, __lsn: lsn, __source_ts_ms: timestampMs, __deleted: deleted };
  return { key: JSON.stringify(key), value: JSON.stringify({ ...row, ...added }) };
}

export function tombstone(key: object): KeyAndValue {
  return { key: JSON.stringify(key), value: null };
}
