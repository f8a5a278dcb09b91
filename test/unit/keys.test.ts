import fc from 'fast-check';
import { Keys } from '../../src/redis/keys.js';

const keys = new Keys('cache:category');

describe('the keys of a dataset', () => {
  it('are those of Redis OM for records', () => {
    expect(keys.record('cat-001')).toBe('cache:category:cat-001');
    expect(keys.idOf('cache:category:cat-001')).toBe('cat-001');
  });

  it('are of one hash tag, outside of the prefix, for the library', () => {
    const { prefix, scanPattern, ...named } = keys;
    const own = [...Object.values(named), keys.answer('1-0')];
    expect(own.length).toBeGreaterThan(12);
    for (const key of own) {
      expect(key).toMatch(/^prefetch:\{cache:category\}:[a-z-]+(:1-0)?$/);
      expect(key.startsWith(prefix)).toBe(false);
      expect(keys.idOf(key)).toBeUndefined();
    }
    expect(new Set(own).size).toBe(own.length);
    expect(scanPattern).toBe(`${prefix}*`);
  });

  it('have an answer of its own for every command', () => {
    expect(keys.answer('1-0')).not.toBe(keys.answer('1-1'));
  });

  it.each([
    'cache:category:archive:cat-001',
    'cache:category:',
    'cache:categories:cat-001',
    'cache:category',
    'prefetch:{cache:category}:loaded',
  ])('do not include %s', (key) => {
    expect(keys.idOf(key)).toBeUndefined();
  });
});

describe('an id', () => {
  it.each(['a', 'cat-001', '42', 'Ünïcode', '日本', '🧀', 'a/b', 'a.b', 'a%20b', '*', '..', 'x'.repeat(256)])(
    'may be %s',
    (id) => {
      expect(keys.isId(id)).toBe(true);
    },
  );

  it.each<[unknown, string]>([
    ['', 'empty'],
    ['x'.repeat(257), 'too long'],
    ['archive:1', 'colon'],
    ['a b', 'space'],
    ['a\u00a0b', 'space that does not break'],
    ['a\tb', 'tab'],
    ['a\n', 'line end'],
    ['a\0', 'control character'],
    ['a\u0085', 'control character'],
    ['{a', 'brace'],
    ['a}', 'brace'],
    ['\ud83e', 'half a character'],
    ['\udd5b', 'other half of a character'],
    [undefined, 'nothing'],
    [null, 'null'],
    [5, 'number'],
    [['a'], 'list'],
  ])('may not be %j: %s', (id) => {
    expect(keys.isId(id)).toBe(false);
  });

  it('may be of another form, by option', () => {
    const numbered = new Keys('cache:category', /^\d+$/);
    expect(numbered.isId('42')).toBe(true);
    expect(numbered.isId('cat-001')).toBe(false);
  });

  it('never reaches into a dataset whose name goes on', () => {
    const name = fc.stringMatching(/^[a-z:*?[\]]{1,12}$/);
    const id = fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.stringMatching(/^[a-z:]{1,8}$/));
    fc.assert(
      fc.property(name, name, id, (ours, rest, candidate) => {
        const own = new Keys(ours);
        const theirs = new Keys(`${ours}:${rest}`);
        if (own.isId(candidate)) expect(theirs.idOf(own.record(candidate))).toBeUndefined();
        if (theirs.isId(candidate)) expect(own.idOf(theirs.record(candidate))).toBeUndefined();
      }),
    );
  });
});

describe('the pattern for SCAN', () => {
  it('takes what means something in a glob literally', () => {
    expect(new Keys('cache:category').scanPattern).toBe('cache:category:*');
    expect(new Keys('cache:[x]*?\\').scanPattern).toBe('cache:\\[x\\]\\*\\?\\\\:*');
    expect(new Keys('a^b-c').scanPattern).toBe('a\\^b\\-c:*');
  });
});
