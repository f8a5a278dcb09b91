import type * as timers from 'node:timers/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError, type PrefetchErrorCode } from '../../src/index.js';
import { retrying } from '../../src/redis/patience.js';

jest.mock('node:timers/promises', () => {
  const real = jest.requireActual<typeof timers>('node:timers/promises');
  return { ...real, setTimeout: jest.fn(real.setTimeout) };
});

const { setTimeout: realSleep } = jest.requireActual<typeof timers>('node:timers/promises');

afterEach(() => {
  jest.restoreAllMocks();
  jest.mocked(sleep).mockImplementation(realSleep);
});

function unavailable(n: number): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_UNAVAILABLE', `Failure ${n}`);
}

/** Work that fails so many times, and then gives how often it was tried. */
function failing(times: number) {
  let tries = 0;
  return () => (++tries <= times ? Promise.reject(unavailable(tries)) : Promise.resolve(tries));
}

describe('retrying', () => {
  let abort: AbortController;

  beforeEach(() => {
    abort = new AbortController();
  });

  it('gives what the work gives, without a failure told', async () => {
    const told = jest.fn();
    expect(await retrying(failing(0), abort.signal, told)).toBe(1);
    expect(told).not.toHaveBeenCalled();
  });

  it('tries again until it succeeds, and tells every failure', async () => {
    const told: string[] = [];
    const result = await retrying(failing(3), abort.signal, ({ message }) => told.push(message));
    expect(result).toBe(4);
    expect(told).toEqual(['Failure 1', 'Failure 2', 'Failure 3']);
  });

  it('pauses about twice as long each time, up to 5 s, and never exactly as long as others do', async () => {
    const pauses: number[] = [];
    const random = jest.spyOn(Math, 'random');
    jest.mocked(sleep).mockImplementation((ms) => {
      pauses.push(ms ?? 0);
      return Promise.resolve(undefined as never);
    });
    random.mockReturnValue(0);
    await retrying(failing(10), abort.signal, () => undefined);
    random.mockReturnValue(1);
    await retrying(failing(10), abort.signal, () => undefined);
    const nominal = [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000];
    expect(pauses).toEqual([...nominal.map((ms) => ms / 2), ...nominal]);
  });

  it.each<PrefetchErrorCode>([
    'ERR_PREFETCH_REFUSED',
    'ERR_PREFETCH_NO_PERMISSION',
    'ERR_PREFETCH_CLIENT_CLOSED',
    'ERR_PREFETCH_WRONG_TYPE',
    'ERR_PREFETCH_UNSUPPORTED_SERVER',
    'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
    'ERR_PREFETCH_SOURCE',
  ])('does not try again what cannot succeed: %s', async (code) => {
    const error = new PrefetchError(code, 'No');
    const work = jest.fn(() => Promise.reject(error));
    const told = jest.fn();
    await expect(retrying(work, abort.signal, told)).rejects.toBe(error);
    expect(work).toHaveBeenCalledTimes(1);
    expect(told).not.toHaveBeenCalled();
  });

  it('does not take an error of the source or of our own for one of Redis', async () => {
    const work = jest.fn(() => Promise.reject(new TypeError('x is not a function')));
    await expect(retrying(work, abort.signal, () => undefined)).rejects.toThrow(TypeError);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('ends in the midst of a pause when the signal aborts', async () => {
    const waiting = retrying(failing(100), abort.signal, () => {
      setImmediate(() => {
        abort.abort(new Error('over'));
      });
    });
    const startedAt = performance.now();
    await expect(waiting).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('does not try again when the signal has aborted while it worked', async () => {
    const work = jest.fn(() => {
      abort.abort();
      return Promise.reject(unavailable(1));
    });
    await expect(retrying(work, abort.signal, () => undefined)).rejects.toThrow('Failure 1');
    expect(work).toHaveBeenCalledTimes(1);
  });
});
