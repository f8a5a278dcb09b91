import fc from 'fast-check';
import { Acknowledgements } from '../../src/sources/postgres/replication/acknowledgements.js';
import { valueOf } from '../../src/sources/postgres/rows/column-values.js';
import { formatLsn, parseLsn } from '../../src/sources/postgres/replication/lsn.js';
import { defaultName, passingSlotName } from '../../src/sources/postgres/replication/names.js';
import {
  type Position,
  comparePositions,
  formatPosition,
  parsePosition,
} from '../../src/sources/postgres/replication/position.js';
import { isPassing, postgresError } from '../../src/sources/postgres/server/postgres-error.js';
import { quoteName, quoteText } from '../../src/sources/postgres/server/quoting.js';
import { switchPoint } from '../../src/sources/postgres/replication/server-identity.js';

const anyPosition: fc.Arbitrary<Position> = fc.record({
  lsn: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  within: fc.nat(),
  timeline: fc.integer({ min: 1, max: 1_000 }),
  layout: fc.stringMatching(/^[0-9a-f]{16}$/),
});

describe('positions', () => {
  it('are texts and come back from them', () => {
    fc.assert(
      fc.property(anyPosition, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual(position);
      }),
    );
    expect(formatLsn(parseLsn('16/B374D848') ?? 0n)).toBe('16/B374D848');
    expect(parseLsn('0/0')).toBe(0n);
  });

  it('compare by the log, and inside of a transaction by its changes', () => {
    fc.assert(
      fc.property(anyPosition, anyPosition, (a, b) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) || 0);
        if (a.lsn < b.lsn) expect(comparePositions(a, b)).toBeLessThan(0);
        expect(comparePositions(a, { ...a, within: a.within + 1 })).toBeLessThan(0);
      }),
    );
  });

  it.each([
    '',
    '0/0',
    '0/0@1-0123456789abcdef',
    '1/1@1-0',
    '1/1',
    '1/G@1-0123456789abcdef',
    '1/1+0@1-0123456789abcdef',
  ])('are refused when they are none: %s', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});

describe('the history of a server', () => {
  it('tells where it left a timeline', () => {
    const history = '1\t0/A000060\tno recovery target specified\n\n3\t1/B0\tbefore 2026\n';
    expect(switchPoint(history, 1)).toBe(0xa000060n);
    expect(switchPoint(history, 3)).toBe(0x1000000b0n);
    expect(switchPoint(history, 2)).toBeUndefined();
  });
});

describe('acknowledgements', () => {
  it('let the server forget what no session needs, once it is safe', () => {
    let now = 0;
    const kept = new Acknowledgements(100, () => now);
    const [a, b] = [{}, {}];
    expect(kept.forgettable).toBe(0n);
    kept.keep(a, 10n);
    kept.keep(b, 5n);
    kept.acknowledge(a, 20n);
    kept.acknowledge(b, 15n);
    expect(kept.forgettable).toBe(5n);
    now = 100;
    expect(kept.forgettable).toBe(15n);
    expect(kept.forgottenBy(a)).toBe(20n);
    kept.acknowledge(b, 3n);
    kept.release(a);
    now = 300;
    expect(kept.forgettable).toBe(15n);
    kept.release(b);
    expect(kept.forgettable).toBe(0n);
  });
});

describe('names', () => {
  it('are names of slots, another for every table', () => {
    expect(defaultName({ schema: 'public', name: 'category' })).toBe('prefetch_category');
    expect(defaultName({ schema: 'shop', name: 'category' })).toBe('prefetch_shop_category');
    const text = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (schema, name) => {
        const slot = defaultName({ schema, name });
        expect(slot).toMatch(/^prefetch_[a-z0-9_]{1,54}$/);
        expect(passingSlotName(slot)).toMatch(/^[a-z0-9_]{1,63}$/);
        expect(passingSlotName(slot)).not.toBe(passingSlotName(slot));
      }),
    );
    expect(defaultName({ schema: 'public', name: 'A' })).not.toBe(
      defaultName({ schema: 'public', name: 'a' }),
    );
  });

  it('are quoted', () => {
    expect(quoteName('a"b')).toBe('"a""b"');
    expect(quoteText(`a'b`)).toBe(`'a''b'`);
    expect(quoteText('a\\b')).toBe(` E'a\\\\b'`);
  });
});

describe('values', () => {
  it.each<[string, number, unknown]>([
    ['t', 16, true],
    ['f', 16, false],
    ['7', 23, 7],
    ['NaN', 701, 'NaN'],
    ['9007199254740993', 20, '9007199254740993'],
    ['1.10', 1700, '1.10'],
    ['{"a": 1}', 3802, { a: 1 }],
    ['2024-01-02 03:04:05+00', 1184, '2024-01-02T03:04:05Z'],
    ['infinity', 1184, 'infinity'],
    ['0044-03-15 12:00:00+00 BC', 1184, '0044-03-15 12:00:00+00 BC'],
    ['{}', 1009, []],
    ['{a,"b,c","NULL",NULL,"\\"\\\\"}', 1009, ['a', 'b,c', 'NULL', null, '"\\']],
    ['{t,f}', 1000, [true, false]],
    ['[0:1]={1,2}', 1007, '[0:1]={1,2}'],
  ])('%s of type %i', (text, type, value) => {
    expect(valueOf(text, type)).toEqual(value);
  });
});

describe('errors', () => {
  it('pass when the line or the server comes back', () => {
    const error = (code: string) => Object.assign(new Error('x'), { code });
    for (const code of ['ECONNREFUSED', '57P01', '57P03', '53300', '55006', '08006']) {
      expect(isPassing(postgresError('following', error(code)))).toBe(true);
    }
    for (const code of ['28P01', '42704', '55000']) expect(isPassing(error(code))).toBe(false);
    expect(isPassing(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isPassing('x')).toBe(false);
  });

  it('say what was done and what came of it', () => {
    const several = new AggregateError([new Error('no IPv4'), new Error('no IPv6')], '');
    expect(postgresError('connecting', several).message).toBe(
      'Postgres: connecting failed: no IPv4; no IPv6',
    );
  });
});
