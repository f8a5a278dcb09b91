import fc from 'fast-check';
import type { Change } from '../../src/index.js';
import {
  type DebeziumDecodeOptions,
  debeziumDecoder,
  decodeDebezium,
} from '../../src/sources/debezium/index.js';
import {
  type KeyAndValue,
  flattened,
  message,
  messageWithSchema,
  payloadOf,
  tombstone,
  unavailable,
} from '../support/debezium-messages.js';

interface Row {
  id: string;
  [field: string]: unknown;
}

const timestampMs = 1_700_000_000_123;

function changes(
  { key, value }: KeyAndValue,
  options: DebeziumDecodeOptions<Row> = {},
): readonly Change<Row>[] {
  return decodeDebezium<Row>(key, value, options).changes;
}

describe('an envelope', () => {
  const row = { id: 5, name: 'Beverages' };

  it.each(['c', 'u', 'r'] as const)('of the operation %s is an upsert of the row', (op) => {
    expect(changes(message({ id: 5 }, { op, after: row }))).toEqual([
      { op: 'upsert', id: '5', record: { id: '5', name: 'Beverages' }, timestampMs },
    ]);
  });

  it('is the same with its schema', () => {
    const columns = [
      { field: 'id', type: 'int32' },
      { field: 'name', type: 'string' },
    ];
    expect(changes(messageWithSchema({ id: 5 }, columns, { op: 'c', after: row }))).toEqual(
      changes(message({ id: 5 }, { op: 'c', after: row })),
    );
  });

  it('is read from bytes, too', () => {
    const { key, value } = message({ id: 5 }, { op: 'c', after: { id: 5, name: 'Bäckerei' } });
    expect(decodeDebezium(Buffer.from(key!), Buffer.from(value!))).toEqual(decodeDebezium(key, value));
  });

  it('of a deletion needs no row', () => {
    const gone = [{ op: 'delete', id: '5', timestampMs }];
    expect(changes(message({ id: 5 }, { op: 'd', before: row }))).toEqual(gone);
    expect(changes(message({ id: 5 }, { op: 'd', before: { id: 5, name: null } }))).toEqual(gone);
    expect(changes(message({ id: 5 }, { op: 'd' }))).toEqual(gone);
  });

  it('of a truncate has no key', () => {
    expect(changes(message(null, { op: 't' }))).toEqual([{ op: 'truncate', timestampMs }]);
  });

  it('of a message of the application concerns no record', () => {
    expect(changes(message({ prefix: 'x' }, { op: 'm' }))).toEqual([]);
  });

  it('tells the position of the database', () => {
    const { key, value } = message({ id: 5 }, { op: 'c', after: row, lsn: 24_023_128 });
    expect(decodeDebezium(key, value).position).toEqual({ log: 'lsn', parts: [24_023_128n] });
  });

  it('of a changed key is a deletion, a tombstone and an upsert', () => {
    const all = [
      message({ id: 5 }, { op: 'd', before: row }),
      tombstone({ id: 5 }),
      message({ id: 6 }, { op: 'c', after: { ...row, id: 6 } }),
    ].flatMap((each) => changes(each));
    expect(all).toEqual([
      { op: 'delete', id: '5', timestampMs },
      { op: 'delete', id: '5' },
      { op: 'upsert', id: '6', record: { id: '6', name: 'Beverages' }, timestampMs },
    ]);
  });
});

describe('values that the database did not log', () => {
  it.each<[string, unknown]>([
    ['text', unavailable],
    ['bytes', Buffer.from(unavailable).toString('base64')],
    ['a list of texts', [unavailable]],
    ['a list of numbers', [...Buffer.from(unavailable)]],
    ['a map', { [unavailable]: unavailable }],
  ])('make the upsert partial: %s', (_, description) => {
    const after = { id: 5, name: 'Beverages', description };
    expect(changes(message({ id: 5 }, { op: 'u', after }))).toEqual([
      { op: 'upsert', id: '5', record: { id: '5', name: 'Beverages' }, partial: true, timestampMs },
    ]);
  });

  it('come from the row before, where it has them', () => {
    const before = { id: 5, description: 'Cold and hot' };
    const after = { id: 5, description: unavailable };
    expect(changes(message({ id: 5 }, { op: 'u', before, after }))).toMatchObject([
      { record: { description: 'Cold and hot' } },
    ]);
  });

  it('are known by the text that the connector was given', () => {
    const after = { id: 5, name: 'Beverages', description: '<not logged>' };
    const options = { unavailableValue: '<not logged>' };
    expect(changes(message({ id: 5 }, { op: 'u', after }), options)).toMatchObject([{ partial: true }]);
  });

  it('are no columns of the row that is mapped', () => {
    const after = { id: 5, name: 'Beverages', description: unavailable };
    const map = (row: Record<string, unknown>) => ({ title: row['name'], text: row['description'] });
    expect(changes(message({ id: 5 }, { op: 'u', after }), { map })).toMatchObject([
      { record: { id: '5', title: 'Beverages' }, partial: true },
    ]);
  });
});

describe('a flattened row', () => {
  it('is an upsert, without what was added to it', () => {
    const { key, value } = flattened({ id: 5 }, { id: 5, name: 'Beverages' });
    expect(decodeDebezium(key, value)).toEqual({
      changes: [{ op: 'upsert', id: '5', record: { id: '5', name: 'Beverages' }, timestampMs }],
      position: { log: 'lsn', parts: [24_023_128n] },
    });
  });

  it('is an upsert when nothing was added to it', () => {
    expect(changes({ key: '{"id":5}', value: '{"id":5,"name":"Beverages"}' })).toEqual([
      { op: 'upsert', id: '5', record: { id: '5', name: 'Beverages' } },
    ]);
  });

  it('is a deletion when it says so, or when it is a tombstone', () => {
    expect(changes(flattened({ id: 5 }, { id: 5, name: null }, { op: 'd', deleted: 'true' }))).toEqual([
      { op: 'delete', id: '5', timestampMs },
    ]);
    expect(changes(tombstone({ id: 5 }))).toEqual([{ op: 'delete', id: '5' }]);
  });
});

describe('what makes no sense', () => {
  const whole = message({ id: 5 }, { op: 'c', after: { id: 5 } });
  const valueWith = (fields: object) =>
    JSON.stringify({ ...payloadOf({ op: 'c', after: { id: 5 } }), ...fields });

  it.each<[string, string | null, string | null, RegExp]>([
    ['no JSON', whole.key, 'Obj\u0001\u0004', /the value is not JSON/],
    ['a key that is no JSON', 'id=5', whole.value, /the key is not JSON/],
    ['a list', whole.key, '[]', /the value is \[\], not an object/],
    ['a number', whole.key, '5', /the value is 5, not an object/],
    ['neither key nor value', null, null, /neither key nor value/],
    ['no key', null, whole.value, /no key: give the option `keyColumns` or `id`/],
    ['an empty key', '{}', whole.value, /key has no columns/],
    ['a key column without value', '{"id":null}', whole.value, /key column id is null, which makes no id/],
    ['a list as key', '{"id":[1]}', whole.value, /key column id is \[1\]/],
    ['an unknown operation', whole.key, valueWith({ op: 'x' }), /operation 'x' is unknown/],
    ['no row after it', whole.key, valueWith({ after: null }), /no row after the change/],
    ['text after it, as of MongoDB', whole.key, valueWith({ after: '{"_id":1}' }), /not a row/],
    ['a CloudEvent', whole.key, '{"specversion":"1.0","data":{},"type":"x"}', /debezium.format.value=json/],
  ])('is handed on as it is: %s', (_, key, value, reason) => {
    expect(changes({ key, value })).toEqual([
      {
        op: 'invalid',
        ...(key === whole.key && { id: '5' }),
        raw: { key, value },
        reason: expect.stringMatching(reason),
      },
    ]);
  });

  it('says of which record it is, where that can be told', () => {
    const unread = valueWith({ after: { id: 5, count: 'many' } });
    const id = ({ id: given }: Readonly<Record<string, unknown>>) => `own-${String(given)}`;
    const idOf = (options: Parameters<typeof changes>[1], key = whole.key, value = unread) => {
      const [change] = changes({ key, value }, { types: { count: 'number' }, ...options });
      return change?.op === 'invalid' ? change.id : change;
    };
    expect(idOf({})).toBe('5');
    expect(idOf({ keyColumns: ['id'] }, null)).toBe('5');
    expect(idOf({}, '{"id":7}', '{"half":')).toBe('7');
    expect(idOf({ id })).toBeUndefined();
    expect(idOf({ types: {}, id, map: () => undefined as never })).toBe('own-5');
  });

  it('is also a row of which `map` or `id` cannot make anything', () => {
    const fails = (): never => {
      throw new Error('no name');
    };
    for (const options of [{ map: fails }, { id: fails }]) {
      expect(changes(whole, options)).toMatchObject([
        { op: 'invalid', reason: expect.stringMatching(/no name/) },
      ]);
    }
    const map = () => undefined as unknown as Row;
    expect(changes(whole, { map })).toMatchObject([
      { op: 'invalid', reason: expect.stringMatching(/no record/) },
    ]);
  });

  it('never throws, whatever it is', () => {
    const decode = debeziumDecoder<Row>({ types: { price: 'decimal(2)', at: 'timestamp-us', doc: 'json' } });
    const part = fc.oneof(
      fc.string(),
      fc.constant(null),
      fc.uint8Array(),
      fc.json(),
      fc.record({ schema: fc.jsonValue(), payload: fc.jsonValue() }).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(part, part, (key, value) => {
        expect(Array.isArray(decode(key, value).changes)).toBe(true);
      }),
    );
  });

  it('never throws, whatever is in an envelope and its schema', () => {
    const names = fc.constantFrom(
      'before',
      'after',
      'source',
      'op',
      'id',
      'price',
      'lsn',
      'fields',
      '__op',
      '__proto__',
    );
    const { value: nested } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('c', 'd', 't', 'r', 'struct', unavailable, 'org.apache.kafka.connect.data.Decimal'),
        fc.jsonValue(),
        fc.dictionary(fc.oneof(names, fc.constantFrom('type', 'field', 'name', 'items')), tie('value')),
        fc.array(tie('value'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(nested, nested, nested, (schema, payload, key) => {
        const value = JSON.stringify({ schema: { type: 'struct', fields: [schema] }, payload });
        const ops = decodeDebezium(JSON.stringify(key), value).changes.map(({ op }) => op);
        for (const op of ops) expect(['upsert', 'delete', 'truncate', 'invalid']).toContain(op);
      }),
    );
  });
});
