import type { Change } from '../../src/index.js';
import { type DebeziumDecodeOptions, decodeDebezium } from '../../src/sources/debezium/index.js';
import { type KeyAndValue, message, payloadOf } from '../support/debezium-messages.js';

interface Row {
  id: string;
  [field: string]: unknown;
}

function changes(
  { key, value }: KeyAndValue,
  options: DebeziumDecodeOptions<Row> = {},
): readonly Change<Row>[] {
  return decodeDebezium<Row>(key, value, options).changes;
}

describe('the id of a record', () => {
  const row = { tenant: 'a:b', code: 7, name: 'x' };

  it.each<[string, object | string, DebeziumDecodeOptions<Row>, string]>([
    ['the key column', { code: 7 }, {}, '7'],
    ['all columns of the key', { tenant: 'a:b', code: 7 }, {}, 'a%3Ab:7'],
    ['a key that is one value', 'x-7', {}, 'x-7'],
    ['the key columns of the option', { code: 7 }, { keyColumns: ['code', 'tenant'] }, '7:a%3Ab'],
    [
      'what `id` gives',
      { code: 7 },
      { id: ({ tenant, code }) => `${String(tenant)}/${String(code)}` },
      'a:b/7',
    ],
  ])('is %s', (_, key, options, id) => {
    const { value } = message({}, { op: 'c', after: row });
    expect(changes({ key: JSON.stringify(key), value }, options)).toMatchObject([{ id, record: { id } }]);
  });

  it('is exact where a number is too large', () => {
    const key = '{"id":9007199254740993}';
    const value = JSON.stringify(payloadOf({ op: 'c', after: { id: '?' } })).replace(
      '"?"',
      '9007199254740993',
    );
    expect(changes({ key, value })).toMatchObject([{ id: '9007199254740993' }]);
  });

  it.each<[string, DebeziumDecodeOptions<Row>]>([
    ['what `id` makes of the row', { id: (row) => String(row['slug']) }],
    ['the key columns of the option', { keyColumns: ['slug'] }],
  ])('may change by %s', (_, options) => {
    const [before, after] = [{ id: 5, slug: 'tea' }, { id: 5, slug: 'coffee' }]; // prettier-ignore
    expect(changes(message({ id: 5 }, { op: 'u', before, after }), options)).toMatchObject([
      { op: 'delete', id: 'tea' },
      { op: 'upsert', id: 'coffee' },
    ]);
    expect(changes(message({ id: 5 }, { op: 'u', before: after, after }), options)).toMatchObject([
      { op: 'upsert', id: 'coffee' },
    ]);
  });

  it.each([
    ['there is no row before', null],
    ['the row before has not all its columns', { id: 5, slug: null, shop: 'a' }],
  ])('is not known to change when %s', (_, before) => {
    const after = { id: 5, slug: 'coffee', shop: 'a' };
    const options = { keyColumns: ['shop', 'slug'] };
    expect(changes(message({ id: 5 }, { op: 'u', before, after }), options)).toMatchObject([
      { op: 'upsert', id: 'a:coffee' },
    ]);
  });
});
