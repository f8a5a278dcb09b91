import { createClient } from 'redis';
import {
  type DebeziumRedisSourceOptions,
  DebeziumRedisSource,
  debeziumDecoder,
  debeziumMessages,
} from '../../src/sources/debezium/index.js';

interface Row {
  id: string;
}

const client = createClient();
client.on('error', () => undefined);
const good: DebeziumRedisSourceOptions<Row> = { client, stream: 'shop.public.category', snapshot: () => [] };

describe('DebeziumRedisSource', () => {
  it('takes what it needs, and undefined for the rest', () => {
    const rest = {
      format: undefined,
      orderWindow: undefined,
      trim: undefined,
      types: undefined,
      map: undefined,
    };
    expect(new DebeziumRedisSource({ ...good, ...rest }).name).toBe('debezium:shop.public.category');
    expect(() => new DebeziumRedisSource({ client, stream: 's' })).not.toThrow();
  });

  it.each<[string, object, RegExp]>([
    ['client', { client: undefined }, /`client` to be a node-redis client/],
    ['stream', { stream: '' }, /`stream` to be the key of a stream/],
    ['snapshot', { snapshot: [] }, /`snapshot` to be a function that gives all records/],
    ['format', { format: 'avro' }, /`format` to be one of auto, compact, extended, data-integration/],
    ['nullText', { nullText: null }, /`nullText` to be a text/],
    ['orderWindow', { orderWindow: -1 }, /`orderWindow` to be a whole number from 0 to 1000000/],
    ['trim', { trim: 'no' }, /`trim` to be true or false/],
    ['trim', { snapshot: undefined, trim: true }, /`trim` to be false where there is no `snapshot`/],
    ['blockMs', { blockMs: 0 }, /`blockMs` to be a number of milliseconds/],
    ['keyColumns', { keyColumns: [] }, /`keyColumns` to be a list of names of columns/],
    [
      'keyColumns',
      { format: 'data-integration' },
      /`keyColumns` to be given with the format data-integration/,
    ],
    [
      'snapshot',
      { format: 'data-integration', keyColumns: ['id'], snapshot: undefined },
      /`snapshot` to be given/,
    ],
    ['id', { keyColumns: ['id'], id: () => 'x' }, /`id` to be left out where there are `keyColumns`/],
    ['map', { map: 'row' }, /`map` to be a function of a row/],
    ['types', { types: null }, /`types` to be an object/],
    ['types', { types: { price: 'decimal' } }, /`types.price` to be one of/],
    ['unavailableValue', { unavailableValue: '' }, /`unavailableValue` to be a text/],
    ['maxlen', { maxlen: 5 }, /no option `maxlen`/],
  ])('refuses a wrong %s', (_, wrong, message) => {
    const make = () => new DebeziumRedisSource({ ...good, ...wrong });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }) as Error);
  });
});

describe('debeziumDecoder()', () => {
  it('refuses an option that nobody reads', () => {
    const options = { keyColumn: 'id' } as object;
    expect(() => debeziumDecoder(options)).toThrow(/debeziumDecoder has no option `keyColumn`/);
  });
});

describe('debeziumMessages()', () => {
  it('takes what debeziumDecoder() takes, and a window', () => {
    expect(debeziumMessages().memory).toBe(4_096);
    expect(debeziumMessages({ keyColumns: ['slug'], orderWindow: 10 }).memory).toBe(10);
    // Or a row of a snapshot would not be known to go on with it.
    expect(debeziumMessages({ orderWindow: 0 }).memory).toBe(1);
  });

  it.each<[string, object, RegExp]>([
    ['an option that nobody reads', { window: 5 }, /debeziumMessages has no option `window`/],
    ['a wrong window', { orderWindow: '5' }, /`orderWindow` to be a whole number/],
    ['wrong columns', { keyColumns: [] }, /`keyColumns` to be a list of names/],
  ])('refuses %s', (_, options, message) => {
    expect(() => debeziumMessages(options)).toThrow(message);
  });
});
