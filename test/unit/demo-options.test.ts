import { UsageError, readOptions, usage } from '../../src/demo/options.js';

const defaults = {
  host: '127.0.0.1',
  port: 8783,
  redis: undefined,
  layout: 'json',
  cachePrefix: 'cache:category',
  ttlSeconds: 3600,
  primary: { kind: 'memory' },
  primaryLatencyMs: 80,
  records: undefined,
  workers: 2,
  maxStalenessMs: undefined,
  faults: true,
};

const allFlags = [
  ...['--host', '0.0.0.0', '--port', '0', '--layout', 'hash', '--cache-prefix', 'shop:category'],
  ...['--primary', 'postgres', '--ttl-seconds', '60', '--primary-latency-ms', '0', '--records', '100000'],
  ...['--workers', '3', '--max-staleness-ms', '10000', '--no-faults'],
];

test('without anything given, the defaults', () => {
  expect(readOptions([], {})).toEqual(defaults);
});

test('every option by flag', () => {
  expect(readOptions(allFlags, {})).toEqual({
    host: '0.0.0.0',
    port: 0,
    redis: undefined,
    layout: 'hash',
    cachePrefix: 'shop:category',
    ttlSeconds: 60,
    primary: { kind: 'embedded' },
    primaryLatencyMs: 0,
    records: 100_000,
    workers: 3,
    maxStalenessMs: 10_000,
    faults: false,
  });
});

test('every option by environment, and the flag wins', () => {
  const environment = {
    PREFETCH_HOST: 'localhost',
    PREFETCH_PORT: '80',
    PREFETCH_REDIS_URL: 'redis://there:1',
    PREFETCH_LAYOUT: 'hash',
    PREFETCH_CACHE_PREFIX: 'p',
    PREFETCH_TTL_SECONDS: '5',
    PREFETCH_PRIMARY: 'postgres://there/shop',
    PREFETCH_PRIMARY_LATENCY_MS: '7',
    PREFETCH_RECORDS: '9',
    PREFETCH_WORKERS: '1',
    PREFETCH_MAX_STALENESS_MS: '8',
    PREFETCH_NO_FAULTS: '1',
  };
  const expected = {
    host: 'localhost',
    port: 80,
    redis: { url: 'redis://there:1', by: 'PREFETCH_REDIS_URL' },
    layout: 'hash',
    cachePrefix: 'p',
    ttlSeconds: 5,
    primary: { kind: 'given', url: 'postgres://there/shop', by: 'PREFETCH_PRIMARY' },
    primaryLatencyMs: 7,
    records: 9,
    workers: 1,
    maxStalenessMs: 8,
    faults: false,
  };
  expect(readOptions([], environment)).toEqual(expected);
  expect(readOptions(['--port', '81', '--layout=json'], environment)).toEqual({
    ...expected,
    port: 81,
    layout: 'json',
  });
});

test.each(['', '0'])('PREFETCH_NO_FAULTS=%s leaves them', (PREFETCH_NO_FAULTS) => {
  expect(readOptions([], { PREFETCH_NO_FAULTS })).toEqual(defaults);
});

test('a variable set to nothing is not given', () => {
  expect(readOptions([], { PREFETCH_PORT: '', REDIS_URL: '', PREFETCH_REDIS_HOST: '' })).toEqual(defaults);
});

test.each([
  [['--redis-url', 'redis://a:1'], {}, 'redis://a:1', '--redis-url'],
  [['--redis-url', 'rediss://u:p@a:1/2'], {}, 'rediss://u:p@a:1/2', '--redis-url'],
  [['--redis-host', 'a'], {}, 'redis://a:6379', '--redis-host'],
  [['--redis-port', '7000'], {}, 'redis://127.0.0.1:7000', '--redis-port'],
  [['--redis-host', 'a', '--redis-port', '7000'], {}, 'redis://a:7000', '--redis-host'],
  [['--redis-host', '::1'], {}, 'redis://[::1]:6379', '--redis-host'],
  [[], { REDIS_URL: 'redis://b:2' }, 'redis://b:2', 'REDIS_URL'],
  [[], { PREFETCH_REDIS_PORT: '7001' }, 'redis://127.0.0.1:7001', 'PREFETCH_REDIS_PORT'],
  [[], { PREFETCH_REDIS_URL: 'redis://c:3', REDIS_URL: 'redis://b:2' }, 'redis://c:3', 'PREFETCH_REDIS_URL'],
  [['--redis-host', 'a'], { REDIS_URL: 'redis://b:2' }, 'redis://a:6379', '--redis-host'],
])('the Redis given by %j and %j', (args, environment, url, by) => {
  expect(readOptions(args, environment)).toMatchObject({ redis: { url, by } });
});

test('a prefix may end with its colon', () => {
  expect(readOptions(['--cache-prefix', 'cache:category:'], {})).toMatchObject({
    cachePrefix: 'cache:category',
  });
});

test.each([['--help'], ['-h'], ['--help', '--port', 'nonsense']])('%j asks for help', (...args) => {
  expect(readOptions(args, {})).toBe('help');
});

test('the usage names every flag', () => {
  const flags = allFlags.filter((word) => word.startsWith('--'));
  for (const flag of [...flags, '--redis-url', '--redis-host', '--redis-port', '--help']) {
    expect(usage).toContain(`  ${flag} `);
  }
});

test.each([
  [['--unknown'], /--unknown/],
  [['stray'], /stray/],
  [['--port'], /--port/],
  [['--port', 'eighty'], /--port to be a whole number from 0 to 65535, got 'eighty'/],
  [['--port', '65536'], /--port/],
  [['--port', '-1'], /--port/],
  [['--port', '1.5'], /--port/],
  [['--port', ''], /--port/],
  [['--host', ''], /--host to be a host name/],
  [['--host', 'a b'], /--host/],
  [['--layout', 'xml'], /--layout to be json or hash, got 'xml'/],
  [['--ttl-seconds', '0'], /--ttl-seconds/],
  [['--primary-latency-ms', '-5'], /--primary-latency-ms/],
  [['--records', '0'], /--records/],
  [['--records', '1e3'], /--records/],
  [['--workers', '0'], /--workers to be a whole number from 1 to 9/],
  [['--workers', '10'], /--workers/],
  [['--max-staleness-ms', '0'], /--max-staleness-ms/],
  [['--no-faults=1'], /--no-faults/],
  [['--cache-prefix', 'a b'], /--cache-prefix/],
  [['--cache-prefix', ':'], /--cache-prefix/],
  [['--cache-prefix', '{a}'], /--cache-prefix/],
  [['--redis-port', '0'], /--redis-port/],
  [['--redis-url', 'http://a'], /--redis-url/],
  [['--redis-url', 'redis://a', '--redis-host', 'b'], /either --redis-url or --redis-host/],
  [['--help=yes'], /--help/],
])('%j is refused', (args, message) => {
  expect(() => readOptions(args, {})).toThrow(UsageError);
  expect(() => readOptions(args, {})).toThrow(message);
});

test('a malformed variable is refused by its name', () => {
  expect(() => readOptions([], { PREFETCH_TTL_SECONDS: 'long' })).toThrow(/PREFETCH_TTL_SECONDS/);
});

test.each([
  ['memory', { kind: 'memory' }],
  ['postgres', { kind: 'embedded' }],
  ['postgres://u:p@h:5/d', { kind: 'given', url: 'postgres://u:p@h:5/d', by: '--primary' }],
  ['postgresql://h/d', { kind: 'given', url: 'postgresql://h/d', by: '--primary' }],
])('the primary %s', (text, primary) => {
  expect(readOptions(['--primary', text], {})).toMatchObject({ primary });
});

test.each([
  ['mysql', /got 'mysql'/],
  ['mysql://u:secret@h/d', /got something else/],
  ['postgres://u:secret@h:99999/d', /got something else/],
  ['u:secret@h', /got something else/],
  ['postgres://', /--primary to be memory, postgres, or a URL/],
])('the primary %s is refused, without its password', (text, message) => {
  expect(() => readOptions(['--primary', text], {})).toThrow(UsageError);
  expect(() => readOptions(['--primary', text], {})).toThrow(message);
  expect(() => readOptions(['--primary', text], {})).toThrow(/^((?!secret).)*$/s);
});

test('a malformed URL is not repeated: it may hold a password', () => {
  expect(() => readOptions(['--redis-url', 'redis://u:secret@a:99999'], {})).toThrow(/^((?!secret).)*$/s);
});
