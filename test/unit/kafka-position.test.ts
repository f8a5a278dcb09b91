import fc from 'fast-check';
import {
  type Position,
  comparePositions,
  formatPosition,
  parsePosition,
} from '../../src/sources/kafka/position.js';

const offsets = (...list: [number, bigint][]) => new Map(list);
const position = (changes: Partial<Position> = {}): Position => ({
  clusterId: 'cluster-1',
  topic: 'shop.public.category',
  topicId: '0198c9d2-0000-4000-8000-000000000001',
  offsets: offsets([0, 17n], [1, 4n]),
  asOfMs: 1_700_000_000_000,
  ...changes,
});

describe('a position in a topic of Kafka', () => {
  it('is short text', () => {
    expect(formatPosition(position({ topicId: null }))).toBe(
      'cluster-1/shop.public.category/-@0:17,1:4~1700000000000',
    );
  });

  it('comes back from its text as it was', () => {
    const anyOffsets = fc
      .uniqueArray(fc.tuple(fc.nat(5_000), fc.bigInt(0n, 2n ** 62n)), { minLength: 1, selector: ([p]) => p })
      .map((list) => new Map(list.sort(([a], [b]) => a - b)));
    fc.assert(
      fc.property(
        anyOffsets,
        fc.string({ minLength: 1, maxLength: 22 }),
        fc.nat(),
        (given, clusterId, asOfMs) => {
          const full = position({ offsets: given, clusterId, asOfMs });
          expect(parsePosition(formatPosition(full))).toEqual(full);
        },
      ),
    );
  });

  it('knows a cluster whose id has unusual letters, and one that tells none', () => {
    for (const clusterId of ['redpanda.1/2@ü~', '-', null]) {
      expect(parsePosition(formatPosition(position({ clusterId })))).toEqual(position({ clusterId }));
    }
  });

  it.each([
    'c/t/-@',
    'c/t/-@0:1',
    'c/t/-@0:1~',
    'c/t/-@1:1,0:1~5',
    'c/t/-@0:1,0:1~5',
    'c/t/-@0:01~5',
    'c/t/-@0:-1~5',
    'c/t/-@0:1,~5',
    'c/t/-@0:1~5 ',
    't/-@0:1~5',
    'c/t t/-@0:1~5',
    '%/t/-@0:1~5',
    `c/t/-@${'0:1,'.repeat(50_000)}1:1~5`,
  ])('is not made of other text (%#)', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });

  it('is later when it is further in any partition, or in one that is new', () => {
    const text = (...list: [number, bigint][]) => formatPosition(position({ offsets: offsets(...list) }));
    expect(comparePositions(text([0, 1n], [1, 1n]), text([0, 2n], [1, 1n]))).toBe(-1);
    expect(comparePositions(text([0, 2n], [1, 5n]), text([0, 2n], [1, 4n]))).toBe(1);
    expect(comparePositions(text([0, 2n]), text([0, 2n], [1, 1n]))).toBe(-1);
    expect(comparePositions(text([0, 2n ** 60n]), text([0, 2n ** 60n + 1n]))).toBe(-1);
  });

  it('is the same one at another time', () => {
    expect(comparePositions(formatPosition(position()), formatPosition(position({ asOfMs: 5 })))).toBe(0);
  });
});
