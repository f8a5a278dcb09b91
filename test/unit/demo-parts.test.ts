import type { WriteStream } from 'node:tty';
import { firstIds } from '../../src/demo/first-ids.js';
import { StatementLog, literalOf } from '../../src/demo/primary/statement-log.js';
import { ProgressBar } from '../../src/demo/progress-bar.js';
import { Shutdown } from '../../src/demo/shutdown.js';
import { Throttle } from '../../src/demo/throttle.js';

describe('the first ids', () => {
  const many = Array.from({ length: 5000 }, (_, i) => String((i * 7919) % 5000).padStart(4, '0'));

  test.each([1, 3, 200, 1000])('%d of many are those that sorting gives', (limit) => {
    expect(firstIds(many, limit)).toEqual([...many].sort().slice(0, limit));
  });

  test('of few are all of them', () => {
    expect(firstIds(['b', 'a'], 200)).toEqual(['a', 'b']);
    expect(firstIds([], 200)).toEqual([]);
  });
});

describe('the progress bar', () => {
  let now = 0;
  let written: string[];
  const terminal = (isTTY: boolean) =>
    ({ isTTY, write: (text: string) => written.push(text) }) as unknown as WriteStream;

  beforeEach(() => {
    now = 0;
    written = [];
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('shows how far it is, once per step, and goes without a trace', () => {
    const bar = new ProgressBar(terminal(true), 1000);
    now = 1000;
    bar.show(500);
    bar.show(501);
    bar.remove();
    bar.remove();
    expect(written).toEqual([`\r${'█'.repeat(15)}${'░'.repeat(15)} 50 % of 1000 records`, '\r\x1b[K']);
  });

  test('is not shown for what is over soon, nor without a terminal', () => {
    const quick = new ProgressBar(terminal(true), 10);
    now = 100;
    quick.show(5);
    quick.remove();
    const piped = new ProgressBar(terminal(false), 10);
    now = 10_000;
    piped.show(5);
    piped.remove();
    expect(written).toEqual([]);
  });
});

describe('the shutdown', () => {
  test('ends what was begun last first, once, and goes on after a failure', async () => {
    const ended: string[] = [];
    const error = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const shutdown = new Shutdown();
    shutdown.add(() => ended.push('first'));
    shutdown.add(() => Promise.reject(new Error('stuck')));
    shutdown.add(() => ended.push('last'));
    expect(shutdown.isRunning).toBe(false);
    await Promise.all([shutdown.run(), shutdown.run()]);
    expect(ended).toEqual(['last', 'first']);
    expect(error).toHaveBeenCalledTimes(1);
    error.mockRestore();
  });

  test('ends at once what is begun too late', async () => {
    const ended: string[] = [];
    const shutdown = new Shutdown();
    const running = shutdown.run();
    shutdown.add(() => ended.push('late'));
    await running;
    await shutdown.run();
    expect(ended).toEqual(['late']);
  });
});

test('a throttle admits one in so many milliseconds', () => {
  let now = 100;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const throttle = new Throttle(50);
  expect([throttle.admits(), throttle.admits()]).toEqual([true, false]);
  now = 150;
  expect(throttle.admits()).toBe(true);
  jest.restoreAllMocks();
});

describe('the log of statements', () => {
  test('keeps the last 50, the newest first, and tells of each', () => {
    const log = new StatementLog();
    const told: string[] = [];
    log.tellTo(({ sql }) => told.push(sql));
    for (let n = 1; n <= 51; n++) log.add({ sql: `select ${n}`, parameters: [], at: '' });
    expect(log.latest).toHaveLength(50);
    expect(log.latest[0]).toMatchObject({ sql: 'select 51' });
    expect(log.latest.at(-1)).toMatchObject({ sql: 'select 2' });
    expect(told).toHaveLength(51);
  });

  test.each([
    ["O'Brien", "'O''Brien'"],
    ['', "''"],
    [7, '7'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'null'],
    [['a', 'b'], '2 values'],
    ['x'.repeat(200), `'${'x'.repeat(120)}…'`],
  ])('writes %j as SQL does', (value, literal) => {
    expect(literalOf(value)).toBe(literal);
  });
});
