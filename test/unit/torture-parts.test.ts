import type { Victims } from '../torture/fault.js';
import { Diary } from '../torture/diary.js';
import { Nemesis } from '../torture/nemesis.js';
import { parseOptions } from '../torture/options.js';
import { Random } from '../torture/random.js';
import { Verdict } from '../torture/verdict.js';

beforeEach(() => {
  jest.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('the options of the torture', () => {
  it('are those of a short run unless given', () => {
    expect(parseOptions([])).toEqual({
      source: 'redis-stream',
      seconds: 20,
      seed: 1,
      records: 2_000,
      workers: 2,
      webs: 2,
      layout: 'JSON',
    });
    const given = ['--seconds', '120', '--seed', '8', '--records', '500', '--workers', '3', '--webs', '1'];
    expect(parseOptions(given)).toEqual({
      source: 'redis-stream',
      seconds: 120,
      seed: 8,
      records: 500,
      workers: 3,
      webs: 1,
      layout: 'HASH',
    });
    expect(parseOptions(['--layout', 'hash'])).toMatchObject({ layout: 'HASH' });
    expect(parseOptions(['--source', 'postgres'])).toMatchObject({ source: 'postgres' });
  });

  it.each([
    [['--seconds', '0'], /--seconds .* >= 1, got 0/],
    [['--records', 'many'], /--records .* got many/],
    [['--layout', 'xml'], /--layout .* got xml/],
    [['--source', 'oracle'], /--source .* got oracle/],
    [['--colour', 'red'], /--colour/],
  ])('are refused: %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe('what is random in the torture', () => {
  it('is the same with the same seed, and another with another', () => {
    const numbers = (random: Random) => Array.from({ length: 20 }, () => random.integer(0, 1_000_000));
    expect(numbers(new Random(7))).toEqual(numbers(new Random(7)));
    expect(numbers(new Random(7))).not.toEqual(numbers(new Random(8)));
    expect(numbers(new Random(7).fork())).not.toEqual(numbers(new Random(7)));
  });

  it('is within its bounds, and reaches both', () => {
    const random = new Random(1);
    const drawn = Array.from({ length: 500 }, () => random.integer(3, 6));
    expect([...new Set(drawn)].sort()).toEqual([3, 4, 5, 6]);
    expect(random.shuffled([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('the nemesis', () => {
  it('does every fault of a lane before it does one again, and only those of the lanes of the bout', async () => {
    const done: string[] = [];
    const fault = (name: string) => async () => {
      done.push(name);
      await Promise.resolve();
    };
    const nemesis = new Nemesis({
      victims: {} as Victims,
      diary: new Diary(),
      random: new Random(1),
      lanes: {
        one: { longestPauseMs: 1, faults: { a: fault('a'), b: fault('b'), c: fault('c') } },
        two: { longestPauseMs: 1, faults: { d: fault('d') } },
      },
    });
    await nemesis.bout(['one'], 0.2);
    expect(done.length).toBeGreaterThan(6);
    expect(done.slice(0, 3).sort()).toEqual(['a', 'b', 'c']);
    expect(done.slice(3, 6).sort()).toEqual(['a', 'b', 'c']);
    expect(done).not.toContain('d');
    expect(nemesis.isThrough).toBe(false);
    await nemesis.bout(['two'], 0.1);
    expect(nemesis.isThrough).toBe(true);
  });
});

describe('the verdict of the torture', () => {
  it('is one line, and clean only when nothing was found', () => {
    const verdict = new Verdict(new Diary());
    const clean = 'changes 12, lost 0, backwards 0, resurrected 0, false-404 0, without-ttl 0, hung 0';
    expect(verdict.line(12)).toBe(clean);
    expect(verdict.isClean).toBe(true);
    verdict.accuse('hung', 'nobody answered');
    expect(verdict.line(12)).toBe(clean.replace('hung 0', 'hung 1'));
    expect(verdict.isClean).toBe(false);
  });
});
