import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { until } from './until.js';

/** A broker of Kafka as librdkafka mocks it: it speaks the protocol, and forgets everything when it ends. */
export interface TestBroker {
  readonly address: string;
  /** It holds its connections, and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const noKcat = 'kcat is not installed (a Debian package)';

/** Without kcat the tests inside are skipped and it is said so; where it is required they fail. */
export function describeWithKcat(name: string, tests: () => void): void {
  const isRequired = process.env['CI'] === 'true' || process.env['PREFETCH_REQUIRE_KCAT'] === '1';
  if (isRequired || spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0) {
    describe(name, tests);
    return;
  }
  process.stderr.write(`SKIPPED: ${name}. ${noKcat}\n`);
  describe.skip(`${name} (${noKcat})`, tests);
}

/** Topics come into being when they are written to, with four partitions. */
export async function startTestBroker(): Promise<TestBroker> {
  const flags = ['-C', '-b', 'x:1', '-X', 'test.mock.num.brokers=1', '-t', 'unused', '-d', 'mock'];
  const broker = spawn('kcat', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let failure: Error | undefined;
  broker.on('error', (error) => {
    failure = error;
  });
  broker.stderr.on('data', (chunk: Buffer) => {
    if (said.length < 10_000) said += chunk.toString('utf8');
  });
  const address = await until(() => {
    if (failure) throw new Error(noKcat, { cause: failure });
    return /bootstrap\.servers=(127\.0\.0\.1:\d+)/.exec(said)?.[1];
  });
  return {
    address,
    freeze: () => broker.kill('SIGSTOP'),
    thaw: () => broker.kill('SIGCONT'),
    stop: () => ended(broker),
  };
}

async function ended(broker: ChildProcess): Promise<void> {
  if (broker.exitCode !== null || broker.signalCode !== null) return;
  const exit = once(broker, 'exit');
  broker.kill('SIGKILL');
  await exit;
}
