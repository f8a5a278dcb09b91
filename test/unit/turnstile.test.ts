import { Turnstile } from '../../src/sync/turnstile.js';

let abort: AbortController;
let turnstile: Turnstile;
let log: string[];

beforeEach(() => {
  abort = new AbortController();
  turnstile = new Turnstile(abort.signal);
  log = [];
});

/** Work that goes on until it is told to end. */
function work(name: string) {
  let end: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const ended = new Promise<string>((resolve, reject) => {
    end = () => {
      resolve(name);
    };
    fail = reject;
  });
  const passed = turnstile.pass(async () => {
    log.push(`+${name}`);
    try {
      return await ended;
    } finally {
      log.push(`-${name}`);
    }
  });
  passed.catch(() => undefined);
  return { passed, end, fail };
}

/** Everything that can go on without time passing has gone on. */
async function settled(): Promise<void> {
  await new Promise(setImmediate);
}

describe('a turnstile', () => {
  it('lets one through at a time, in order, whatever becomes of each', async () => {
    const [a, b, c] = [work('a'), work('b'), work('c')];
    await settled();
    expect(log).toEqual(['+a']);
    b.end();
    c.end();
    await settled();
    expect(log).toEqual(['+a']);
    a.fail(new Error('no'));
    await settled();
    expect(log).toEqual(['+a', '-a', '+b', '-b', '+c', '-c']);
    await expect(a.passed).rejects.toThrow('no');
    expect(await b.passed).toBe('b');
    expect(await c.passed).toBe('c');
  });

  it('goes on after work that throws at once', async () => {
    const failing = turnstile.pass(() => {
      throw new Error('at once');
    });
    await expect(failing).rejects.toThrow('at once');
    expect(await turnstile.pass(() => Promise.resolve(7))).toBe(7);
    expect(await turnstile.drained(1)).toBe(true);
  });

  it('is quiet when it is closed and nothing is inside', async () => {
    expect(turnstile.isQuiet).toBe(false);
    const a = work('a');
    await settled();
    const closing = turnstile.close(1_000);
    expect(turnstile.isQuiet).toBe(false);
    a.end();
    await closing;
    expect(turnstile.isQuiet).toBe(true);
    turnstile.open();
    expect(turnstile.isQuiet).toBe(false);
  });

  it('lets nothing in while it is closed', async () => {
    await turnstile.close(1_000);
    const a = work('a');
    const b = work('b');
    a.end();
    b.end();
    await settled();
    expect(log).toEqual([]);
    turnstile.open();
    await settled();
    expect(log).toEqual(['+a', '-a', '+b', '-b']);
  });

  it('closed again before who waited could enter keeps them out', async () => {
    await turnstile.close(1_000);
    const a = work('a');
    await settled();
    turnstile.open();
    await turnstile.close(1_000);
    await settled();
    expect(log).toEqual([]);
    turnstile.open();
    a.end();
    expect(await a.passed).toBe('a');
  });

  it('opens when as many have opened it as have closed it', async () => {
    await Promise.all([turnstile.close(1_000), turnstile.close(1_000), turnstile.close(1_000)]);
    const a = work('a');
    a.end();
    turnstile.open();
    turnstile.open();
    await settled();
    expect(log).toEqual([]);
    turnstile.open();
    await settled();
    expect(log).toEqual(['+a', '-a']);
    turnstile.open();
    await turnstile.close(1_000);
    const b = work('b');
    await settled();
    expect(log).toEqual(['+a', '-a']);
    turnstile.open();
    b.end();
    await b.passed;
  });

  it('refuses who waits outside when the signal aborts, and everybody from then on', async () => {
    const inside = work('inside');
    await settled();
    const closing = turnstile.close(1_000);
    const outside = work('outside');
    abort.abort(new Error('over'));
    await settled();
    inside.end();
    expect(await inside.passed).toBe('inside');
    await closing;
    await expect(outside.passed).rejects.toThrow('over');
    await expect(work('late').passed).rejects.toThrow('over');
    expect(log).toEqual(['+inside', '-inside']);
  });

  it('refuses who waits outside a closed one when the signal aborts', async () => {
    await turnstile.close(1_000);
    const a = work('a');
    await settled();
    abort.abort(new Error('over'));
    await expect(a.passed).rejects.toThrow('over');
  });
});

describe('closing a turnstile', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] }));
  afterEach(() => jest.useRealTimers());

  it('gives up in time, and is taken back', async () => {
    const a = work('a');
    await settled();
    const closing = turnstile.close(500);
    const refused = expect(closing).rejects.toMatchObject({
      code: 'ERR_PREFETCH_PAUSE_TIMEOUT',
      message: expect.stringContaining('500 ms'),
    });
    const b = work('b');
    b.end();
    jest.advanceTimersByTime(499);
    await settled();
    expect(log).toEqual(['+a']);
    jest.advanceTimersByTime(1);
    await refused;
    expect(turnstile.isQuiet).toBe(false);
    a.end();
    expect(await b.passed).toBe('b');
  });

  it('takes back only itself when it gives up', async () => {
    const a = work('a');
    await settled();
    const long = turnstile.close(5_000);
    const short = expect(turnstile.close(10)).rejects.toMatchObject({ code: 'ERR_PREFETCH_PAUSE_TIMEOUT' });
    jest.advanceTimersByTime(10);
    await short;
    a.end();
    await long;
    expect(turnstile.isQuiet).toBe(true);
  });

  it('succeeds when what is inside fails', async () => {
    const a = work('a');
    await settled();
    const closing = turnstile.close(500);
    a.fail(new Error('no'));
    await closing;
    expect(turnstile.isQuiet).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('drains: says whether what was inside came out in time', async () => {
    expect(await turnstile.drained(1)).toBe(true);
    const a = work('a');
    await settled();
    const tooShort = turnstile.drained(100);
    const enough = turnstile.drained(200);
    jest.advanceTimersByTime(100);
    expect(await tooShort).toBe(false);
    a.end();
    expect(await enough).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});
