import { type PostgresSourceOptions, PostgresSource } from '../../src/sources/postgres/index.js';

interface Row {
  id: string;
  name: string;
}

const good: PostgresSourceOptions<Row> = { connection: 'postgres://localhost/shop', table: 'category' };

describe('PostgresSource', () => {
  it('takes what it needs, and undefined for the rest', () => {
    expect(new PostgresSource({ ...good, slot: undefined, key: undefined }).name).toBe(
      'postgres:public.category',
    );
    expect(new PostgresSource({ connection: { host: 'x' }, table: 'shop.category' }).name).toBe(
      'postgres:shop.category',
    );
  });

  it.each<[string, object, RegExp]>([
    ['connection', { connection: '' }, /`connection` to be a connection string or a config/],
    [
      'connection',
      { connection: ['geheim'] },
      /`connection` to be a connection string or a config, as .* takes\.$/,
    ],
    ['table', { table: 'a.b.c' }, /`table` to be the name of a table/],
    ['table', { table: undefined }, /`table` to be the name of a table/],
    ['columns', { columns: [] }, /`columns` to be names of columns/],
    ['key', { key: 5 }, /`key` to be names of columns/],
    ['where', { where: 5 }, /`where` to be an SQL condition/],
    ['map', { map: {} }, /`map` to be a function/],
    ['slot', { slot: 'A-b' }, /`slot` to be up to 63 of a-z, 0-9 and _, got 'A-b'/],
    ['temporary', { temporary: 1 }, /`temporary` to be true or false/],
    ['heartbeatMs', { heartbeatMs: 0 }, /`heartbeatMs` to be a number of milliseconds/],
    ['acknowledgeAfterMs', { acknowledgeAfterMs: -1 }, /`acknowledgeAfterMs` to be a number of milliseconds/],
    ['retainedBytesLimit', { retainedBytesLimit: 0.5 }, /`retainedBytesLimit` to be a whole number/],
    ['onWarning', { onWarning: 'x' }, /`onWarning` to be a function/],
    ['tables', { tables: ['x'] }, /no option `tables`/],
  ])('refuses a wrong %s', (_, wrong, message) => {
    const make = () => new PostgresSource({ ...good, ...wrong });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }) as Error);
  });
});
