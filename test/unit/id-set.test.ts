import { randomBytes } from 'node:crypto';
import { IdSet } from '../../src/sync/id-set.js';

/** Where a weak hash shows: ids that differ in little, and in little that is regular. */
const families: Record<string, (n: number) => string> = {
  'counted, with zeros before': (n) => `cat-${String(n).padStart(9, '0')}`,
  'counted from the other end': (n) => String(n).padStart(9, '0').split('').reverse().join(''),
  'hexadecimal, two counters': (n) => `${(n % 1414).toString(16)}-${Math.floor(n / 1414).toString(16)}`,
  'short and dense': (n) => n.toString(36),
  'all of the same letters': (n) => n.toString(2).padStart(22, '0'),
  'beyond ASCII': (n) =>
    `品${String.fromCharCode(0x4e00 + (n % 2048))}${String.fromCharCode(0x4e00 + Math.floor(n / 2048))}`,
};

describe('a set of ids', () => {
  it('knows what was added, and only that', () => {
    const set = new IdSet();
    expect(set.has('')).toBe(false);
    expect(set.size).toBe(0);
    for (const id of ['', 'a', 'b', 'ab', 'ba', '\0', '\0\0', 'é', 'e\u0301', '😀', 'a'.repeat(300)]) {
      expect(set.has(id)).toBe(false);
      set.add(id);
      set.add(id);
      expect(set.has(id)).toBe(true);
    }
    expect(set.size).toBe(11);
    expect(set.has('c')).toBe(false);
  });

  it('keeps all of them while it grows', () => {
    const set = new IdSet();
    for (let n = 0; n < 50_000; n++) {
      set.add(`id-${n}`);
      if (n % 500 === 0) for (let m = 0; m <= n; m += 97) expect(set.has(`id-${m}`)).toBe(true);
    }
    expect(set.size).toBe(50_000);
  });

  it('never takes one for another among 2,000,000, structured and random', () => {
    const bytes = randomBytes(16 * 400_000);
    const random = (n: number) => bytes.toString('base64url', 16 * n, 16 * n + 16);
    const kinds = [
      ...Object.values(families).map((idOf) => ({ idOf, count: 266_667 })),
      { idOf: random, count: 400_000 },
    ];
    const set = new IdSet();
    const added = new Set<string>();
    for (const { idOf, count } of kinds) for (let n = 0; n < count; n += 2) added.add(idOf(n));
    for (const id of added) set.add(id);
    expect(set.size).toBe(added.size);
    let wrong = 0;
    for (const { idOf, count } of kinds) {
      for (let n = 1; n < count; n += 2) if (!added.has(idOf(n)) && set.has(idOf(n))) wrong++;
    }
    expect(wrong).toBe(0);
    for (const id of added) if (!set.has(id)) wrong++;
    expect(wrong).toBe(0);
  }, 120_000);

  it('takes 32 MB for 1,000,000 ids at most, the tables that it has outgrown included', () => {
    const before = process.memoryUsage().arrayBuffers;
    const set = new IdSet();
    for (let n = 0; n < 1_000_000; n++) set.add(`category-${n}`);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThanOrEqual(32 * 2 ** 20);
    expect(set.has('category-0')).toBe(true);
  });
});
