import fc from 'fast-check';
import type { Change } from '../../src/index.js';
import { type StreamChange, decodeEntry, encodeChange } from '../../src/sources/redis-stream/change-entry.js';

interface Row {
  id: string;
  [field: string]: unknown;
}

const entryId = '1700000000000-3';

function decoded(fields: Record<string, string>, id = entryId): Change<Row> | undefined {
  return decodeEntry<Row>([id, Object.entries(fields).flat()]);
}

describe('encodeChange()', () => {
  it.each<[StreamChange<Row>, Record<string, string>]>([
    [
      { op: 'upsert', id: 'a', record: { id: 'a', featured: true } },
      { op: 'upsert', id: 'a', record: '{"id":"a","featured":true}' },
    ],
    [
      { op: 'upsert', id: 'a', record: { name: 'A' }, partial: true, timestampMs: 5 },
      { op: 'upsert', id: 'a', record: '{"name":"A"}', partial: '1', timestampMs: '5' },
    ],
    [
      { op: 'upsert', id: 'a', record: { id: 'a', gone: undefined }, partial: false },
      { op: 'upsert', id: 'a', record: '{"id":"a"}' },
    ],
    [
      { op: 'delete', id: 'a' },
      { op: 'delete', id: 'a' },
    ],
    [{ op: 'truncate' }, { op: 'truncate' }],
  ])('writes %j', (change, fields) => {
    expect(encodeChange(change)).toEqual(fields);
  });

  const holdsItself: Row = { id: 'a' };
  holdsItself['self'] = [holdsItself];

  it.each<[string, unknown, RegExp]>([
    ['no change', undefined, /no change/],
    ['an unknown operation', { op: 'insert', id: 'a' }, /operation insert/],
    ['what only a source says', { op: 'invalid', raw: 1, reason: 'x' }, /operation invalid/],
    ['no id', { op: 'delete' }, /no id/],
    ['an empty id', { op: 'delete', id: '' }, /no id/],
    ['half a character', { op: 'delete', id: 'a\ud800' }, /half a character/],
    ['no record', { op: 'upsert', id: 'a' }, /no record/],
    ['a list', { op: 'upsert', id: 'a', record: [] }, /no record/],
    ['another id', { op: 'upsert', id: 'a', record: { id: 'b' } }, /record's id b is not the change's a/],
    ['a record without id', { op: 'upsert', id: 'a', record: { name: 'A' } }, /record's id undefined/],
    ['a time that is none', { op: 'delete', id: 'a', timestampMs: 1.5 }, /timestampMs is 1.5/],
    ['a number that is none', upsert({ n: { deep: [1, NaN] } }), /record\.n\.deep\[1\] is not a finite/],
    ['a bigint', upsert({ n: 1n }), /record\.n is a bigint/],
    ['a gap', upsert({ list: [1, undefined] }), /record\.list\[1\] is undefined/],
    ['a gap of nothing', upsert({ list: new Array<number>(1) }), /record\.list\[0\] is undefined/],
    ['a function', upsert({ f: () => 1 }), /record\.f is a function/],
    ['a map', upsert({ m: new Map() }), /record\.m is a Map/],
    ['a date that is none', upsert({ d: new Date(NaN) }), /record\.d is not a valid date/],
    ['itself', { op: 'upsert', id: 'a', record: holdsItself }, /record\.self\[0\] holds itself/],
  ])('refuses %s', (_, change, reason) => {
    let error: unknown;
    try {
      encodeChange(change as StreamChange<Row>);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'ERR_PREFETCH_REFUSED', message: expect.stringMatching(reason) });
  });

  it('takes a value that is there twice but does not hold itself', () => {
    const shared = { x: 1 };
    expect(encodeChange(upsert({ a: shared, b: shared }))['record']).toBe(
      '{"id":"a","a":{"x":1},"b":{"x":1}}',
    );
  });
});

function upsert(fields: Record<string, unknown>): StreamChange<Row> {
  return { op: 'upsert', id: 'a', record: { id: 'a', ...fields } };
}

describe('decodeEntry()', () => {
  it('knows when it happened: from the field, or else from the id', () => {
    expect(decoded({ op: 'delete', id: 'a', timestampMs: '17' })).toMatchObject({ timestampMs: 17 });
    expect(decoded({ op: 'delete', id: 'a' })).toMatchObject({ timestampMs: 1_700_000_000_000 });
    expect(decoded({ op: 'delete', id: 'a' }, '5-1')).toEqual({ op: 'delete', id: 'a' });
  });

  it('passes over marks, and over fields that it does not know', () => {
    expect(decoded({ op: 'mark' })).toBeUndefined();
    expect(decodeEntry(['5-1', ['trace', '1', 'op', 'truncate', 'trace', '2']])).toEqual({ op: 'truncate' });
  });

  it.each<[string, string[], RegExp]>([
    ['nothing of ours', ['x', 'y'], /no field op/],
    ['an unknown operation', ['op', 'insert'], /operation insert is unknown/],
    ['two operations', ['op', 'truncate', 'op', 'delete'], /field op is there twice/],
    ['no id', ['op', 'delete'], /no id/],
    ['an empty id', ['op', 'upsert', 'id', '', 'record', '{}'], /no id/],
    ['no record', ['op', 'upsert', 'id', 'a'], /no field record/],
    ['a record that is no JSON', ['op', 'upsert', 'id', 'a', 'record', '{"id":'], /not JSON/],
    ['a record that is a list', ['op', 'upsert', 'id', 'a', 'record', '[]'], /not an object/],
    ['a record that is null', ['op', 'upsert', 'id', 'a', 'record', 'null'], /not an object/],
    ['a strange partial', ['op', 'upsert', 'id', 'a', 'record', '{}', 'partial', 'true'], /partial is true/],
    ['a time that is none', ['op', 'truncate', 'timestampMs', 'now'], /timestampMs is no time/],
  ])('hands %s on as it is', (_, fields, reason) => {
    expect(decodeEntry([entryId, fields])).toEqual({
      op: 'invalid',
      ...(fields[3] === 'a' && { id: 'a' }),
      raw: { id: entryId, fields },
      reason: expect.stringMatching(reason),
      timestampMs: 1_700_000_000_000,
    });
  });
});

describe('an entry', () => {
  const id = fc.string({ minLength: 1, unit: 'grapheme' });
  const timestampMs = fc.option(fc.nat(), { nil: undefined });
  const rest = fc.dictionary(
    fc.string().filter((key) => key !== 'id' && key !== '__proto__'),
    fc.jsonValue(),
  );

  const change: fc.Arbitrary<StreamChange<Row>> = fc
    .tuple(fc.constantFrom('upsert', 'partial', 'delete', 'truncate'), id, rest, timestampMs)
    .map(([kind, id, rest, at]) => {
      const time = at === undefined ? {} : { timestampMs: at };
      switch (kind) {
        case 'upsert':
          return { op: kind, id, record: { id, ...rest }, ...time };
        case 'partial':
          return { op: 'upsert', id, record: rest, partial: true, ...time };
        case 'delete':
          return { op: kind, id, ...time };
        default:
          return { op: 'truncate', ...time };
      }
    });

  it('gives back the change that was encoded', () => {
    fc.assert(
      fc.property(change, (given) => {
        expect(decoded(encodeChange(given), '1-1')).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  it('of whatever content is a change, a mark or invalid, and never an error', () => {
    const name = fc.oneof(fc.constantFrom('op', 'id', 'record', 'partial', 'timestampMs'), fc.string());
    const value = fc.oneof(fc.constantFrom('upsert', 'delete', 'truncate', 'mark', '{}', '1'), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (fields) => {
        const change = decodeEntry([entryId, fields.flat()]);
        expect([undefined, 'upsert', 'delete', 'truncate', 'invalid']).toContain(change?.op);
      }),
    );
  });
});
