import fc from 'fast-check';
import { Acknowledger } from '../../src/sources/postgres/outbox/acknowledger.js';
import { Bell } from '../../src/sources/postgres/outbox/bell.js';
import { CreationPauses } from '../../src/sources/postgres/outbox/creation-pauses.js';
import { Horizon } from '../../src/sources/postgres/outbox/horizon.js';
import { mostBytesOfName, defaultOutbox } from '../../src/sources/postgres/outbox/outbox-names.js';
import {
  type Position,
  compareMarks,
  formatPosition,
  parsePosition,
} from '../../src/sources/postgres/outbox/position.js';
import { valuesOf } from '../../src/sources/postgres/outbox/record-literal.js';
import { type SeqRange, SeqSet } from '../../src/sources/postgres/outbox/seq-set.js';
import { until } from '../support/until.js';

const anyRange = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 }))
  .map(([from, length]): SeqRange => [from, from + length]);
const anySet = fc.array(anyRange, { maxLength: 8 }).map((ranges) => SeqSet.of(ranges));
const anyMark = fc.record({ epoch: fc.nat(), batch: fc.nat() });
const anyPosition: fc.Arbitrary<Position> = fc.record({
  epoch: fc.nat(),
  batch: fc.nat(),
  forgotten: anyMark,
  layout: fc.stringMatching(/^[0-9a-f]{16}$/),
  applied: anySet,
});

function has({ ranges }: SeqSet, seq: number): boolean {
  return ranges.some(([from, to]) => from <= seq && seq <= to);
}

describe('sets of numbers', () => {
  it('are what they say', () => {
    fc.assert(
      fc.property(anySet, anySet, fc.array(fc.integer({ min: 1, max: 60 })), (a, b, seqs) => {
        for (let seq = 1; seq < 80; seq++) {
          expect(has(a.union(b), seq)).toBe(has(a, seq) || has(b, seq));
          expect(has(a.without(b), seq)).toBe(has(a, seq) && !has(b, seq));
          expect(has(a.complement(), seq)).toBe(!has(a, seq));
          expect(has(a.with(seqs), seq)).toBe(has(a, seq) || seqs.includes(seq));
          if (seq <= a.floor) expect(has(a, seq)).toBe(true);
          if (seq > a.top) expect(has(a, seq)).toBe(false);
        }
        expect(has(a, a.floor + 1)).toBe(false);
        expect(a.without(a).isEmpty).toBe(true);
      }),
    );
  });
});

describe('positions of an outbox', () => {
  it('are texts and come back from them', () => {
    fc.assert(
      fc.property(anyPosition, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual(position);
      }),
    );
  });

  it('compare by the epoch, and in it by the batch', () => {
    fc.assert(
      fc.property(anyMark, anyMark, (a, b) => {
        expect(Math.sign(compareMarks(a, b))).toBe(-Math.sign(compareMarks(b, a)) || 0);
        if (a.epoch < b.epoch) expect(compareMarks(a, b)).toBeLessThan(0);
        expect(compareMarks(a, { ...a, batch: a.batch + 1 })).toBeLessThan(0);
      }),
    );
  });

  it.each([
    '',
    '1.1',
    '1.1<0.0@0123456789abcdef',
    '1.1<0.0@0123456789abcde:1',
    '1.1<0.0@0123456789abcdef:0-3',
    '1.1<0.0@0123456789abcdef:5-3',
    '1.1<0.0@0123456789abcdef:1-3,4',
    '1.1<0.0@0123456789abcdef:1-3,2',
    '1.1<0.0@0123456789abcdef:1-3,',
    '1.1<0.0@0123456789abcdef:1-',
    '16/B374D848@1-9f3a1c5e7b2d4f60',
  ])('are refused when they are none: %s', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});

describe('a row as one text', () => {
  it.each([
    ['()', [null]],
    ['("")', ['']],
    ['(1,,"")', ['1', null, '']],
    ['(a,"b ""c"", (d)",\\\\x)', ['a', 'b "c", (d)', '\\\\x']],
    ['("\\\\x01","""")', ['\\x01', '"']],
    ['(,"a\nb",)', [null, 'a\nb', null]],
  ])('is taken apart: %s', (text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });

  it('comes back whatever is in it', () => {
    const value = fc.option(fc.string({ unit: fc.constantFrom('a', ',', '"', '\\', '(', ')', ' ', 'ä') }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const quoted = values.map((text) =>
          text === null ? '' : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`,
        );
        expect(valuesOf(`(${quoted.join(',')})`)).toEqual(values);
      }),
    );
  });

  it.each(['', 'a', '(a', '("a)'])('is refused when it is none: %s', (text) => {
    expect(() => valuesOf(text)).toThrow(/is not one/);
  });
});

describe('the horizon', () => {
  const look = (oldestOpen: number, next: number, through = Infinity) => ({
    oldestOpen: BigInt(oldestOpen),
    next: BigInt(next),
    through,
  });

  it('settles what was seen when all that had begun by then have ended', () => {
    const horizon = new Horizon();
    expect(horizon.settled(look(100, 105), 7)).toBeUndefined();
    expect(horizon.settled(look(104, 120), 9)).toBeUndefined();
    expect(horizon.settled(look(105, 121), 10)).toBe(7);
    expect(horizon.settled(look(121, 121), 10)).toBe(10);
  });

  it('settles nothing that was not looked at', () => {
    const horizon = new Horizon();
    expect(horizon.settled(look(100, 105), 7)).toBeUndefined();
    expect(horizon.settled(look(110, 110, 6), 7)).toBeUndefined();
    expect(horizon.settled(look(110, 110, 7), 7)).toBe(7);
  });
});

describe('what is acknowledged', () => {
  const at = (batch: number): Position => ({
    epoch: 1,
    batch,
    forgotten: { epoch: 0, batch: 0 },
    layout: '0'.repeat(16),
    applied: SeqSet.upTo(batch),
  });

  function acknowledger(delayMs: number, forget: (position: Position) => Promise<boolean>) {
    let mayForget = true;
    const made = new Acknowledger({ delayMs, mayForget: () => mayForget, forget });
    return { made, allow: (allowed: boolean) => (mayForget = allowed) };
  }

  it('is forgotten after the delay, the latest at once, and never less than before', async () => {
    const forgotten: number[] = [];
    const { made } = acknowledger(30, ({ batch }) => Promise.resolve(forgotten.push(batch) > 0));
    for (const batch of [1, 2, 3, 2]) made.acknowledge(at(batch));
    await made.settle();
    expect(forgotten).toEqual([]);
    await until(() => forgotten.length > 0);
    expect(forgotten).toEqual([3]);
    expect(made.forgotten).toMatchObject({ epoch: 1, batch: 3 });
    made.acknowledge(at(3));
    await made.settle();
    expect(forgotten).toEqual([3]);
    made.stop();
  });

  it('is kept while somebody else needs it, and when it could not be forgotten', async () => {
    let failures = 1;
    const forgotten: number[] = [];
    const { made, allow } = acknowledger(0, ({ batch }) =>
      failures-- > 0 ? Promise.reject(new Error('no line')) : Promise.resolve(forgotten.push(batch) > 0),
    );
    allow(false);
    made.acknowledge(at(1));
    await made.settle();
    allow(true);
    await made.settle();
    expect(forgotten).toEqual([]);
    await made.settle();
    expect(forgotten).toEqual([1]);
    made.stop();
  });

  it('says nothing any more when somebody begins anew', async () => {
    const { made } = acknowledger(0, () => Promise.reject(new Error('not to be asked')));
    made.acknowledge(at(5));
    made.begin({ epoch: 0, batch: 0 });
    await made.settle();
    expect(made.forgotten).toEqual({ epoch: 0, batch: 0 });
    made.stop();
  });
});

describe('the pauses between attempts to make an outbox', () => {
  it('grow, and tell why the last one failed', () => {
    jest.useFakeTimers();
    const pauses = new CreationPauses();
    const lengths: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      expect(pauses.failure).toBeUndefined();
      pauses.failed(`attempt ${attempt}`);
      const begun = performance.now();
      while (pauses.failure === `attempt ${attempt}`) jest.advanceTimersByTime(500);
      lengths.push(performance.now() - begun);
    }
    expect(lengths.slice(0, 3)).toEqual([1_000, 2_000, 4_000]);
    expect(lengths.at(-1)).toBe(60_000);
    pauses.succeeded();
    pauses.failed('again');
    jest.advanceTimersByTime(1_000);
    expect(pauses.failure).toBeUndefined();
    jest.useRealTimers();
  });
});

describe('a bell', () => {
  const long = { mostMs: 60_000 };

  it('wakes who waits, and who was about to', async () => {
    const bell = new Bell();
    const { signal } = new AbortController();
    const waiting = bell.wait(long, signal);
    bell.ring();
    await waiting;
    await bell.wait(long, signal);
    bell.silence();
    await bell.wait({ mostMs: 1 }, signal);
    await bell.wait(long, AbortSignal.timeout(1));
    await bell.wait(long, AbortSignal.abort());
  });

  it('lets sleep for the least, whoever rings, unless it is to end', async () => {
    const bell = new Bell();
    bell.ring();
    const begun = performance.now();
    await bell.wait({ leastMs: 30, mostMs: 60_000 }, new AbortController().signal);
    expect(performance.now() - begun).toBeGreaterThan(25);
    await bell.wait({ leastMs: 60_000, mostMs: 60_000 }, AbortSignal.timeout(1));
    await bell.wait({ leastMs: 60_000, mostMs: 60_000 }, AbortSignal.abort());
  });
});

describe('the name of an outbox', () => {
  it('is one that Postgres takes, another for every table', () => {
    expect(defaultOutbox({ schema: 'shop', name: 'category' })).toEqual({
      schema: 'shop',
      name: 'prefetch_outbox_category',
    });
    const text = fc.string({ minLength: 1, maxLength: 63, unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [of, other] = [a, b].map((name) => defaultOutbox({ schema: 'public', name }).name);
        expect(Buffer.byteLength(of ?? '')).toBeLessThanOrEqual(mostBytesOfName);
        if (a !== b) expect(of).not.toBe(other);
      }),
    );
  });
});
