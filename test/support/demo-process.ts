import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './until.js';

const main = join(process.cwd(), 'dist/esm/demo/main.js');

export type DemoProcess = ReturnType<typeof spawnDemo>;

/** The sample app as `npm start` runs it, with nothing of our own environment but the PATH. */
export function spawnDemo(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  if (!existsSync(main)) throw new Error('The sample app is not built: type npm run build.');
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...environment },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;

  /** Waits for a line on standard output. */
  const said = (pattern: RegExp) =>
    until(() => {
      if (child.exitCode !== null) throw new Error(`It ended:\n${output.stdout}${output.stderr}`);
      return pattern.exec(output.stdout);
    }, 20_000);

  return {
    output,
    said,
    /** Where it listens, once it is loaded. */
    async url(): Promise<string> {
      await said(/^Prefetched .*$/m);
      return (await said(/^Listening on (\S+)$/m))[1] ?? '';
    },
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    exit: async () => {
      const [code, signal] = await ended;
      return { code, signal, ...output };
    },
  };
}
