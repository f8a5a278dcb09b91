import fc from 'fast-check';
import { compareEntryIds, idAfter, isEntryId, timeOf } from '../../src/redis/streams/entry-id.js';

const part = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const parts = fc.tuple(part, part);

describe('the id of an entry', () => {
  it('is told from other text', () => {
    for (const id of ['0-0', '1700000000000-12', '18446744073709551615-18446744073709551615']) {
      expect(isEntryId(id)).toBe(true);
    }
    for (const text of [
      '',
      '5',
      '5-',
      '-5',
      '5-*',
      '$',
      '0/16B3748',
      'a-1',
      '5-1 ',
      '18446744073709551616-0',
    ]) {
      expect(isEntryId(text)).toBe(false);
    }
  });

  it('is compared as numbers, all 64 bits of them', () => {
    expect(compareEntryIds('9-0', '10-0')).toBeLessThan(0);
    expect(compareEntryIds('5-10', '5-9')).toBeGreaterThan(0);
    expect(compareEntryIds('9007199254740993-0', '9007199254740992-0')).toBeGreaterThan(0);
    fc.assert(
      fc.property(parts, parts, ([a, b], [c, d]) => {
        const expected = a === c ? (b === d ? 0 : b < d ? -1 : 1) : a < c ? -1 : 1;
        expect(Math.sign(compareEntryIds(`${a}-${b}`, `${c}-${d}`))).toBe(expected);
      }),
    );
  });

  it('has one after it', () => {
    fc.assert(
      fc.property(parts, ([ms, sequence]) => {
        fc.pre(ms < 2n ** 64n - 1n);
        const id = `${ms}-${sequence}`;
        expect(isEntryId(idAfter(id))).toBe(true);
        expect(compareEntryIds(idAfter(id), id)).toBeGreaterThan(0);
      }),
    );
  });

  it('tells the time when Redis made it', () => {
    expect(timeOf('1700000000000-3')).toBe(1_700_000_000_000);
    expect(timeOf('7-3')).toBeUndefined();
    expect(timeOf('18446744073709551615-0')).toBeUndefined();
  });
});
