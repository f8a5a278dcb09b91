import fc from 'fast-check';
import { type ColumnType, debeziumDecoder, decodeDebezium } from '../../src/sources/debezium/index.js';
import { type Column, message, messageWithSchema } from '../support/debezium-messages.js';

interface Row {
  id: string;
  value: unknown;
}

function bySchema(column: Omit<Column, 'field'>, value: unknown): unknown {
  const columns = [{ field: 'id', type: 'int32' }, { field: 'value', ...column }]; // prettier-ignore
  const { key, value: text } = messageWithSchema({ id: 5 }, columns, { op: 'c', after: { id: 5, value } });
  const [change] = decodeDebezium<Row>(key, text).changes;
  return change?.op === 'upsert' ? change.record.value : change;
}

function byOption(type: ColumnType, value: unknown): unknown {
  const { key, value: text } = message({ id: 5 }, { op: 'c', after: { id: 5, value } });
  const [change] = decodeDebezium<Row>(key, text, { types: { value: type } }).changes;
  return change?.op === 'upsert' ? change.record.value : change;
}

const connect = (name: string) => `org.apache.kafka.connect.data.${name}`;
const time = (name: string) => `io.debezium.time.${name}`;
const data = (name: string) => `io.debezium.data.${name}`;

describe('by the schema of the message', () => {
  it.each<[string, Omit<Column, 'field'>, unknown, unknown]>([
    [
      'numeric(19,2)',
      { type: 'bytes', name: connect('Decimal'), parameters: { scale: '2' } },
      'BOI=',
      '12.50',
    ],
    [
      'numeric below 0',
      { type: 'bytes', name: connect('Decimal'), parameters: { scale: '2' } },
      '+x4=',
      '-12.50',
    ],
    [
      'numeric near 0',
      { type: 'bytes', name: connect('Decimal'), parameters: { scale: '3' } },
      'BQ==',
      '0.005',
    ],
    ['numeric 0', { type: 'bytes', name: connect('Decimal'), parameters: { scale: '2' } }, 'AA==', '0.00'],
    [
      'numeric without scale',
      { type: 'struct', name: data('VariableScaleDecimal') },
      { scale: 3, value: 'BOI=' },
      '1.250',
    ],
    [
      'a scale below 0',
      { type: 'struct', name: data('VariableScaleDecimal') },
      { scale: -2, value: 'BQ==' },
      '500',
    ],
    ['decimal as text', { type: 'string' }, '12.50', '12.50'],
    ['date', { type: 'int32', name: time('Date') }, 19_782, '2024-02-29'],
    ['date before 1970', { type: 'int32', name: connect('Date') }, -1, '1969-12-31'],
    [
      'timestamp(3)',
      { type: 'int64', name: time('Timestamp') },
      1_709_210_096_789,
      '2024-02-29T12:34:56.789Z',
    ],
    [
      'timestamp',
      { type: 'int64', name: time('MicroTimestamp') },
      1_709_210_096_789_012,
      '2024-02-29T12:34:56.789012Z',
    ],
    [
      'a full second',
      { type: 'int64', name: time('MicroTimestamp') },
      1_709_210_096_000_000,
      '2024-02-29T12:34:56Z',
    ],
    [
      'a tenth of one',
      { type: 'int64', name: connect('Timestamp') },
      1_709_210_096_100,
      '2024-02-29T12:34:56.100Z',
    ],
    ['before 1970', { type: 'int64', name: time('MicroTimestamp') }, -1, '1969-12-31T23:59:59.999999Z'],
    ['infinity', { type: 'int64', name: time('MicroTimestamp') }, 8_640_000_000_000_000_001n, 'infinity'],
    [
      'timestamptz',
      { type: 'string', name: time('ZonedTimestamp') },
      '2024-02-29T12:34:56.789012Z',
      '2024-02-29T12:34:56.789012Z',
    ],
    ['time', { type: 'int64', name: time('MicroTime') }, 45_296_789_012, '12:34:56.789012'],
    ['time(3)', { type: 'int32', name: time('Time') }, 45_296_000, '12:34:56'],
    ['24:00', { type: 'int64', name: time('MicroTime') }, 86_400_000_000, '24:00:00'],
    ['json', { type: 'string', name: data('Json') }, '{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
    ['uuid', { type: 'string', name: data('Uuid') }, '6f1f…', '6f1f…'],
    ['an enumeration', { type: 'string', name: data('Enum') }, 'small', 'small'],
    ['bit(10)', { type: 'bytes', name: data('Bits'), parameters: { length: '10' } }, 'BQI=', '1000000101'],
    ['bytea', { type: 'bytes' }, 'aGVsbG8=', 'aGVsbG8='],
    [
      'date[]',
      { type: 'array', items: { type: 'int32', name: time('Date') } },
      [19_782, null],
      ['2024-02-29', null],
    ],
    [
      'point',
      { type: 'struct', fields: [{ field: 'x', type: 'double' }] },
      { x: 1.5, y: 2 },
      { x: 1.5, y: 2 },
    ],
    ['null', { type: 'int32', name: time('Date') }, null, null],
  ])('%s', (_, column, value, expected) => {
    const given = typeof value === 'bigint' ? String(value) : value;
    expect(bySchema(column, given)).toEqual(expected);
  });

  it.each<[string, Omit<Column, 'field'>, unknown, RegExp]>([
    [
      'a decimal',
      { type: 'bytes', name: connect('Decimal'), parameters: { scale: '2' } },
      '?',
      /column value: '\?' is not base64/,
    ],
    [
      'a scale',
      { type: 'bytes', name: connect('Decimal'), parameters: {} },
      'BOI=',
      /column value: nothing is no scale/,
    ],
    ['a date', { type: 'int32', name: time('Date') }, 1.5, /column value: 1.5 is not a number of days/],
    [
      'a timestamp',
      { type: 'int64', name: time('Timestamp') },
      'now',
      /'now' is not a number of ms since 1970/,
    ],
    ['a time', { type: 'int64', name: time('MicroTime') }, -1, /-1 is no time of a day/],
    ['JSON', { type: 'string', name: data('Json') }, '{"a":', /is not JSON/],
  ])('tells that it is not %s', (_, column, value, reason) => {
    expect(bySchema(column, value)).toMatchObject({ op: 'invalid', reason: expect.stringMatching(reason) });
  });
});

describe('by the option `types`', () => {
  it.each<[ColumnType, unknown, unknown]>([
    ['decimal(2)', 'BOI=', '12.50'],
    ['decimal(2)', '12.50', '12.50'],
    ['decimal(0)', 'Infinity', 'Infinity'],
    ['decimal(0)', '-Infinity', '-Infinity'],
    ['decimal(0)', 'NaN', 'NaN'],
    ['decimal(0)', '-7', '-7'],
    ['date', 19_782, '2024-02-29'],
    ['timestamp-ms', 1_709_210_096_789, '2024-02-29T12:34:56.789Z'],
    ['timestamp-us', 1_709_210_096_789_012, '2024-02-29T12:34:56.789012Z'],
    ['time-us', 45_296_789_012, '12:34:56.789012'],
    ['json', '{"a":1}', { a: 1 }],
    ['bits(4)', 'BQ==', '0101'],
    ['number', '12.50', 12.5],
    ['boolean', 'T', true],
    ['boolean', 0, false],
    ['as-it-is', 19_782, 19_782],
    ['date', null, null],
  ])('%s of %j is %j', (type, value, expected) => {
    expect(byOption(type, value)).toEqual(expected);
  });

  it.each<[ColumnType, unknown]>([
    ['number', ''],
    ['number', '1,5'],
    ['number', [1]],
    ['boolean', 'yes'],
    ['boolean', 2],
    ['decimal(0)', ''],
    ['decimal(0)', '12'],
    ['decimal(0)', '12345'],
    ['decimal(2)', 'BOI'],
    ['decimal(2)', '_-I='],
    ['decimal(2)', '===='],
  ])('%s tells that %j is none', (type, value) => {
    expect(byOption(type, value)).toMatchObject({
      op: 'invalid',
      reason: expect.stringMatching(/column value/),
    });
  });

  it('nanoseconds keep all their digits', () => {
    const { key, value } = message({ id: 5 }, { op: 'c', after: { id: 5, value: '?' } });
    const text = value!.replace('"?"', '1709210096789012345');
    expect(decodeDebezium(key, text, { types: { value: 'timestamp-ns' } }).changes).toMatchObject([
      { record: { value: '2024-02-29T12:34:56.789012345Z' } },
    ]);
  });

  it('is read of the key, too', () => {
    const { value } = message({}, { op: 'd' });
    expect(decodeDebezium('{"day":19782}', value, { types: { day: 'date' } }).changes).toMatchObject([
      { op: 'delete', id: '2024-02-29' },
    ]);
  });

  it('refuses a type that it does not know', () => {
    const types = { price: 'money' as ColumnType };
    expect(() => debeziumDecoder({ types })).toThrow(
      /`types.price` to be one of decimal\(2\), .*, got 'money'/,
    );
  });
});

describe('whole numbers', () => {
  it('are exact, whatever their size, and nothing else is touched', () => {
    const number = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(
        number,
        fc.string(),
        fc.double({ min: -1e15, max: 1e15, noNaN: true }),
        (large, text, float) => {
          const row = `{"id":5,"large":${large},"text":${JSON.stringify(`${text}${large}`)},"float":${JSON.stringify(float)}}`;
          const [change] = decodeDebezium<Row>('{"id":5}', row).changes;
          const isSafe = large <= Number.MAX_SAFE_INTEGER && large >= Number.MIN_SAFE_INTEGER;
          expect(change).toMatchObject({
            record: {
              large: isSafe ? Number(large) : String(large),
              text: `${text}${large}`,
              float: JSON.parse(JSON.stringify(float)),
            },
          });
        },
      ),
    );
  });
});
