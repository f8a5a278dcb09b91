import fc from 'fast-check';
import { Barriers } from '../../src/sources/kafka/barriers.js';
import { hasReached } from '../../src/sources/kafka/position.js';

const at = (...offsets: number[]) => new Map(offsets.map((offset, partition) => [partition, BigInt(offset)]));

describe('barriers', () => {
  it('are in the way until every partition has come to them', () => {
    const barriers = new Barriers();
    const barrier = barriers.set(at(5, 3));
    expect(barriers.after(at(5, 2))).toBe(barrier);
    expect(barriers.after(at(5, 3))).toBeUndefined();
  });

  it('are no earlier than what was handed on, in any partition', () => {
    const barriers = new Barriers();
    barriers.handedOn(at(7, 1));
    expect(barriers.set(at(5, 3))).toEqual(at(7, 3));
  });

  it('are forgotten when nobody comes from before them any more', () => {
    const barriers = new Barriers();
    barriers.set(at(5, 3));
    barriers.forget(at(4, 3));
    expect(barriers.after(at(0, 0))).toBeDefined();
    barriers.forget(at(5, 3));
    expect(barriers.after(at(0, 0))).toBeUndefined();
  });

  it('lie one after the other, whatever is set and handed on between', () => {
    const vector = fc.array(fc.nat(9), { minLength: 2, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), vector), { maxLength: 12 }), (steps) => {
        const barriers = new Barriers();
        let last = at(0, 0);
        for (const [isSet, offsets] of steps) {
          if (!isSet) {
            barriers.handedOn(at(...offsets));
            continue;
          }
          const barrier = barriers.set(at(...offsets));
          expect(hasReached(barrier, last)).toBe(true);
          expect(hasReached(barrier, at(...offsets))).toBe(true);
          last = new Map(barrier);
        }
      }),
    );
  });
});
