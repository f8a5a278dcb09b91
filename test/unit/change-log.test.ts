import { ChangeLog } from '../../src/sources/memory/change-log.js';

const never = new AbortController().signal;

function logOf(count: number): ChangeLog<{ id: string }> {
  const log = new ChangeLog<{ id: string }>('epoch');
  for (let n = 1; n <= count; n++) log.append({ op: 'delete', id: String(n) });
  return log;
}

function idsAfter(log: ChangeLog<{ id: string }>, number: number, limit = Infinity): string[] {
  return log.after(number, limit).map((change) => ('id' in change ? change.id : change.op));
}

describe('a change log', () => {
  it('gives the changes after a number, in order, as many as asked for', () => {
    const log = logOf(5);
    expect(idsAfter(log, 0)).toEqual(['1', '2', '3', '4', '5']);
    expect(idsAfter(log, 3)).toEqual(['4', '5']);
    expect(idsAfter(log, 1, 2)).toEqual(['2', '3']);
    expect(idsAfter(log, 5)).toEqual([]);
    expect(log.end).toBe('epoch/5');
    expect(log.length).toBe(5);
  });

  it('knows its own positions and no others', () => {
    const log = logOf(5);
    expect(log.numberOf(log.positionOf(3))).toBe(3);
    for (const position of [
      '',
      '3',
      'epoch',
      'epoch/',
      'epoch/x',
      'epoch/-1',
      'epoch/1.5',
      'other/3',
      'epoch/1/2',
    ]) {
      expect(log.numberOf(position)).toBeUndefined();
    }
    expect([-1, 0, 5, 6].map((number) => log.has(number))).toEqual([false, true, true, false]);
  });

  it('forgets what all open sessions have acknowledged', () => {
    const log = logOf(5);
    const [one, other] = [{}, {}];
    log.open(one);
    log.open(other);
    log.acknowledge(one, 4);
    expect(idsAfter(log, 0)).toHaveLength(5);
    log.acknowledge(other, 2);
    expect(log.has(1)).toBe(false);
    expect(idsAfter(log, 2)).toEqual(['3', '4', '5']);
    expect(() => log.after(1, 1)).toThrow(/forgotten/);
    log.acknowledge(other, 1);
    expect(idsAfter(log, 2)).toEqual(['3', '4', '5']);
    expect(log.end).toBe('epoch/5');
  });

  it('keeps for its successor what a closed session has not acknowledged', () => {
    const log = logOf(5);
    const one = {};
    log.open(one);
    log.acknowledge(one, 2);
    log.close(one);
    log.acknowledge(one, 5);
    expect(idsAfter(log, 2)).toEqual(['3', '4', '5']);
  });

  it('wakes everybody who waits for more', async () => {
    const log = logOf(1);
    await log.grownBeyond(0, never);
    const waiting = Promise.all([log.grownBeyond(1, never), log.grownBeyond(1, never)]);
    log.append({ op: 'truncate' });
    await waiting;
    expect(idsAfter(log, 1)).toEqual(['truncate']);
  });

  it('lets go of who waits when the signal aborts', async () => {
    const log = logOf(1);
    const abort = new AbortController();
    const waiting = log.grownBeyond(1, abort.signal);
    abort.abort();
    await waiting;
    await log.grownBeyond(1, abort.signal);
  });
});
