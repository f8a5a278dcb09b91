import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** What says whether we may install: the file that names the distribution, and who we are. */
export interface System {
  readonly osRelease: string;
  readonly userId: number | undefined;
}

/** Installs redis-server where that is ours to do: as root on Debian or Ubuntu. Otherwise says why not. */
export async function installRedisServer(
  say: (line: string) => void,
  environment: NodeJS.ProcessEnv = process.env,
  system: System = { osRelease: '/etc/os-release', userId: process.getuid?.() },
): Promise<{ installed: true } | { installed: false; why: string }> {
  const why = await reasonAgainst(environment, system);
  if (why !== undefined) return { installed: false, why };
  say('Installing redis-server with apt-get. PREFETCH_NO_INSTALL=1 forbids this.');
  const run = (args: readonly string[]) => aptGet(args, environment);
  if ((await run(install)) || ((await run(['update'])) && (await run(install)))) {
    return { installed: true };
  }
  return { installed: false, why: 'apt-get install redis-server failed' };
}

const install = ['install', '--yes', '--no-install-recommends', 'redis-server'];

async function reasonAgainst(
  environment: NodeJS.ProcessEnv,
  { osRelease, userId }: System,
): Promise<string | undefined> {
  if (!['', '0'].includes(environment['PREFETCH_NO_INSTALL'] ?? ''))
    return 'PREFETCH_NO_INSTALL forbids to install one';
  if (!(await isDebian(osRelease))) return 'this is not Debian or Ubuntu, so none is installed';
  if (userId !== 0) return 'only root can install one';
  return undefined;
}

async function isDebian(osRelease: string): Promise<boolean> {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(await readFile(osRelease, 'utf8'));
  } catch {
    return false;
  }
}

async function aptGet(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<boolean> {
  // Others may be installing too: several test files at once, or the machine itself.
  const child = spawn('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' },
  });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
