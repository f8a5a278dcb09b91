import { parseArgs } from 'node:util';

/** What the sample app was told on its command line and in its environment. */
export interface DemoOptions {
  readonly host: string;
  readonly port: number;
  /** The Redis that was asked for; undefined leaves the choice to the app. */
  readonly redis: GivenRedis | undefined;
  readonly layout: 'json' | 'hash';
  readonly cachePrefix: string;
  readonly ttlSeconds: number;
  readonly primary: WantedPrimary;
  readonly primaryLatencyMs: number;
  /** How many records to generate instead of the sample categories. */
  readonly records: number | undefined;
  /** How many sync workers there are: one writes, the others stand by. */
  readonly workers: number;
  /** For how long the worker may not have been heard of before lookups answer 503. */
  readonly maxStalenessMs: number | undefined;
  /** Whether the page may let things go wrong. */
  readonly faults: boolean;
}

export interface GivenRedis {
  readonly url: string;
  /** The name of the option or variable that it was given by. */
  readonly by: string;
}

/** In memory, in a Postgres that the app starts, or in one that is there. */
export type WantedPrimary =
  | { readonly kind: 'memory' }
  | { readonly kind: 'embedded' }
  | { readonly kind: 'given'; readonly url: string; readonly by: string };

/** Something on the command line or in the environment that the app cannot make sense of. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const flags = {
  host: ['<host>', 'where to listen (127.0.0.1)'],
  port: ['<port>', 'where to listen; 0 for any free one (8783)'],
  'redis-url': ['<url>', 'the Redis to use: redis://user:password@host:6379/0'],
  'redis-host': ['<host>', 'the same by host (127.0.0.1) …'],
  'redis-port': ['<port>', '… and port (6379)'],
  layout: ['json|hash', 'how records are stored (json)'],
  'cache-prefix': ['<prefix>', 'what the keys of the records begin with (cache:category)'],
  'ttl-seconds': ['<seconds>', 'how long records outlive the sync worker (3600)'],
  primary: ['<where>', 'memory, postgres for one that is started, or postgres://… (memory)'],
  'primary-latency-ms': ['<ms>', 'how slow the primary in memory is to read (80)'],
  records: ['<number>', 'generate so many records instead of the five samples'],
  workers: ['<number>', 'how many sync workers: one writes, the others stand by (2)'],
  'max-staleness-ms': ['<ms>', 'lookups answer 503 when no worker was heard of for longer (never)'],
} as const;

type Flag = keyof typeof flags;

export const usage = `Usage: npm start -- [options]

${Object.entries(flags)
  .map(([flag, [value, help]]) => `  ${`--${flag} ${value}`.padEnd(27)} ${help}`)
  .join('\n')}
  ${'--no-faults'.padEnd(27)} no buttons that kill a worker, flush Redis and so on
  ${'--help'.padEnd(27)} print this and end

Each can stand in the environment instead: --ttl-seconds as PREFETCH_TTL_SECONDS, --no-faults as
PREFETCH_NO_FAULTS=1, and so on. REDIS_URL is understood too. PREFETCH_NO_INSTALL=1 forbids the app to install redis-server where it finds no Redis.`;

/** @throws UsageError */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): DemoOptions | 'help' {
  const line = readCommandLine(args);
  if (line.help === true) return 'help';
  const levels: Level[] = [
    (flag) => ({ name: `--${flag}`, text: line[flag] }),
    (flag) => {
      const name = `PREFETCH_${flag.toUpperCase().replaceAll('-', '_')}`;
      return { name, text: stated(environment[name]) };
    },
    (flag) => ({
      name: 'REDIS_URL',
      text: flag === 'redis-url' ? stated(environment['REDIS_URL']) : undefined,
    }),
  ];
  const read = <V>(flag: Flag, reading: Reading<V>, fallback: V): V => {
    const given = levels.map((level) => level(flag)).find(({ text }) => text !== undefined);
    return given === undefined ? fallback : understand(given, reading);
  };
  return {
    host: read('host', hostName, '127.0.0.1'),
    port: read('port', wholeNumber(0, 65_535), 8783),
    redis: levels.map(givenRedis).find((given) => given !== undefined),
    layout: read('layout', layoutName, 'json'),
    cachePrefix: read('cache-prefix', keyPrefix, 'cache:category'),
    ttlSeconds: read('ttl-seconds', wholeNumber(1, 2_147_483_647), 3600),
    primary: wantedPrimary(levels),
    primaryLatencyMs: read('primary-latency-ms', wholeNumber(0, 60_000), 80),
    records: read<number | undefined>('records', wholeNumber(1, 10_000_000), undefined),
    workers: read('workers', wholeNumber(1, 9), 2),
    maxStalenessMs: read<number | undefined>('max-staleness-ms', wholeNumber(1, 86_400_000), undefined),
    faults: !(line['no-faults'] ?? !['', '0'].includes(environment['PREFETCH_NO_FAULTS'] ?? '')),
  };
}

/** A variable set to nothing is how compose files and shells leave one out. */
function stated(variable: string | undefined): string | undefined {
  return variable === '' ? undefined : variable;
}

interface Given {
  readonly name: string;
  readonly text: string | undefined;
}

/** One of the places where an option can stand; the first that has it wins. */
type Level = (flag: Flag) => Given;

type CommandLine = Partial<Record<Flag, string>> & { help?: boolean; 'no-faults'?: boolean };

function readCommandLine(args: readonly string[]): CommandLine {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...(Object.fromEntries(Object.keys(flags).map((flag) => [flag, text])) as Record<Flag, typeof text>),
        'no-faults': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function givenRedis(level: Level): GivenRedis | undefined {
  const [url, host, port] = [level('redis-url'), level('redis-host'), level('redis-port')];
  const byHost = [host, port].find(({ text }) => text !== undefined);
  if (url.text !== undefined && byHost)
    throw new UsageError(`Give either ${url.name} or ${byHost.name}, not both.`);
  if (url.text !== undefined) return { url: understand(url, redisUrl, 'something else'), by: url.name };
  if (!byHost) return undefined;
  const at = host.text === undefined ? '127.0.0.1' : understand(host, hostName);
  const on = port.text === undefined ? 6379 : understand(port, wholeNumber(1, 65_535));
  return { url: `redis://${at.includes(':') ? `[${at}]` : at}:${on}`, by: byHost.name };
}

function wantedPrimary(levels: readonly Level[]): WantedPrimary {
  const given = levels.map((level) => level('primary')).find(({ text }) => text !== undefined);
  if (given?.text === undefined || given.text === 'memory') return { kind: 'memory' };
  if (given.text === 'postgres') return { kind: 'embedded' };
  const mayHoldPassword = /[:@/]/.test(given.text);
  const shown = mayHoldPassword ? 'something else' : `'${given.text}'`;
  return { kind: 'given', url: understand(given, postgresUrl, shown), by: given.name };
}

interface Reading<V> {
  readonly expected: string;
  read(text: string): V | undefined;
}

/** `shown` stands in for a text that may hold a password. */
function understand<V>({ name, text = '' }: Given, reading: Reading<V>, shown = `'${text}'`): V {
  const value = reading.read(text);
  if (value === undefined) throw new UsageError(`Expected ${name} to be ${reading.expected}, got ${shown}.`);
  return value;
}

function wholeNumber(min: number, max: number): Reading<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    read: (text) =>
      /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined,
  };
}

const hostName: Reading<string> = {
  expected: 'a host name or address',
  read: (text) => (/^[\w.:%-]+$/.test(text) ? text : undefined),
};

const redisUrl: Reading<string> = {
  expected: 'a URL such as redis://127.0.0.1:6379',
  read: (text) => (/^rediss?:\/\/./.test(text) && URL.canParse(text) ? text : undefined),
};

const postgresUrl: Reading<string> = {
  expected: 'memory, postgres, or a URL such as postgres://user:password@host/database',
  read: (text) => (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text) ? text : undefined),
};

const layoutName: Reading<'json' | 'hash'> = {
  expected: 'json or hash',
  read: (text) => (text === 'json' || text === 'hash' ? text : undefined),
};

/** The guides write their prefix with the colon that ends it. */
const keyPrefix: Reading<string> = {
  expected: 'a text without white space, { and }, other than prefetch, where the library keeps its own keys',
  read: (text) =>
    /^(?!prefetch(:|$))[^\s\p{Cc}{}]*[^\s\p{Cc}{}:]:?$/u.test(text) ? text.replace(/:$/, '') : undefined,
};
