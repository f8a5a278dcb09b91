import { settlesWithin, unlessAborted } from '../../src/settling.js';

const never = new Promise<never>(() => undefined);

describe('settlesWithin()', () => {
  it('is true for what ends well or badly, and leaves no timer', async () => {
    jest.useFakeTimers();
    expect(await settlesWithin(Promise.resolve(), 1_000)).toBe(true);
    expect(await settlesWithin(Promise.reject(new Error('no')), 1_000)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('is false for what does not end', async () => {
    expect(await settlesWithin(never, 1)).toBe(false);
  });
});

describe('unlessAborted()', () => {
  it('gives what the work gives', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(7), signal)).toBe(7);
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('gives the reason of the signal as soon as it aborts', async () => {
    const abort = new AbortController();
    const waiting = unlessAborted(never, abort.signal);
    abort.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    await expect(unlessAborted(never, abort.signal)).rejects.toThrow('over');
  });

  it('says nothing of work that fails after the signal', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    const abort = new AbortController();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => (fail = reject));
    const waiting = unlessAborted(work, abort.signal);
    abort.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    fail(new Error('too late'));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
    process.off('unhandledRejection', unhandled);
  });
});
