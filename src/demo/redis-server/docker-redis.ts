import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';

/** True when a Docker engine answers, not only its client. */
export function dockerAnswers(environment: NodeJS.ProcessEnv): Promise<boolean> {
  return succeeds(['info'], { env: environment, stdio: 'ignore', signal: AbortSignal.timeout(10_000) });
}

/** Starts the redis service of the project's docker-compose.yml and resolves when it is healthy. */
export function composeUp(projectDirectory: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  return succeeds(['compose', 'up', '-d', '--wait', 'redis'], {
    cwd: projectDirectory,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
    signal: AbortSignal.timeout(600_000),
  });
}

async function succeeds(args: readonly string[], options: SpawnOptions): Promise<boolean> {
  try {
    const [code] = (await once(spawn('docker', args, options), 'exit')) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
