import { PrefetchError, errorCodes, optionError } from '../../src/errors.js';
import { toPrefetchError } from '../../src/redis/failure.js';

describe('PrefetchError', () => {
  it('carries its code, its message and what caused it', () => {
    const cause = new Error('ECONNRESET');
    const error = new PrefetchError('ERR_PREFETCH_UNAVAILABLE', 'Redis cannot answer.', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'PrefetchError',
      code: 'ERR_PREFETCH_UNAVAILABLE',
      message: 'Redis cannot answer.',
      cause,
    });
    expect(String(error)).toBe('PrefetchError: Redis cannot answer.');
  });

  it('has codes of one form, each once', () => {
    for (const code of errorCodes) expect(code).toMatch(/^ERR_PREFETCH_[A-Z_]+$/);
    expect(new Set(errorCodes).size).toBe(errorCodes.length);
  });
});

describe('the error of an option', () => {
  it.each([
    ['abc', "'abc' (string)"],
    ['x'.repeat(100), `'${'x'.repeat(80)}…' (string)`],
    [0, '0 (number)'],
    [NaN, 'NaN (number)'],
    [true, 'true (boolean)'],
    [5n, '5 (bigint)'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[1], 'a list'],
    [{}, 'an object'],
    [parseInt, 'a function named parseInt'],
    [() => 1, 'a function'],
    [Symbol('s'), 'symbol'],
  ])('says what was given: %p', (given, described) => {
    const error = optionError('limit', 'a whole number >= 1', given);
    expect(error.code).toBe('ERR_PREFETCH_OPTION');
    expect(error.message).toBe(`Expected \`limit\` to be a whole number >= 1, got ${described}.`);
  });
});

describe('what Redis says', () => {
  it.each([
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'ERR_PREFETCH_WRONG_TYPE'],
    ['Existing key has wrong Redis type', 'ERR_PREFETCH_WRONG_TYPE'],
    ['ERR Existing key has wrong Redis type', 'ERR_PREFETCH_WRONG_TYPE'],
    ["ERR unknown command 'JSON.GET', with args beginning with: 'x'", 'ERR_PREFETCH_UNSUPPORTED_SERVER'],
    [
      'ERR Unknown Redis command called from script script: a57, on @user_script:6.',
      'ERR_PREFETCH_UNSUPPORTED_SERVER',
    ],
    ["ERR unknown subcommand 'FOO'. Try SCRIPT HELP.", 'ERR_PREFETCH_UNSUPPORTED_SERVER'],
    ["NOPERM this user has no permissions to run the 'get' command", 'ERR_PREFETCH_NO_PERMISSION'],
    ['NOAUTH Authentication required.', 'ERR_PREFETCH_NO_PERMISSION'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'ERR_PREFETCH_NO_PERMISSION'],
    [
      "ERR The user executing the script can't run this command or subcommand script: a57",
      'ERR_PREFETCH_NO_PERMISSION',
    ],
    ['The client is closed', 'ERR_PREFETCH_CLIENT_CLOSED'],
    ['LOADING Redis is loading the dataset in memory', 'ERR_PREFETCH_UNAVAILABLE'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'ERR_PREFETCH_UNAVAILABLE'],
    ["READONLY You can't write against a read only replica.", 'ERR_PREFETCH_UNAVAILABLE'],
    ['Socket closed unexpectedly', 'ERR_PREFETCH_UNAVAILABLE'],
  ])('%s', (said, code) => {
    const cause = new Error(said);
    const error = toPrefetchError(cause);
    expect(error).toBeInstanceOf(PrefetchError);
    expect(error.code).toBe(code);
    expect(error.cause).toBe(cause);
    expect(error.message).toContain(said);
  });

  it('may be no Error at all', () => {
    expect(toPrefetchError('WRONGTYPE')).toMatchObject({
      code: 'ERR_PREFETCH_WRONG_TYPE',
      cause: 'WRONGTYPE',
    });
    expect(toPrefetchError(undefined)).toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
  });

  it('is left alone when it is an error of ours already', () => {
    const error = new PrefetchError('ERR_PREFETCH_DEADLINE', 'WRONGTYPE');
    expect(toPrefetchError(error)).toBe(error);
  });
});
