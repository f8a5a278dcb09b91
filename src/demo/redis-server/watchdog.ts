import { spawn } from 'node:child_process';

/**
 * Reads from a pipe that only this process holds open. However this process ends, SIGKILL included, the pipe closes,
 * and what is left behind is cleared away.
 */
const script = `
if read -r server; then
  if read -r ended; then read -r _; else kill -KILL "$server"; fi
fi
rm -rf "$1"
`;

export interface Watchdog {
  /** From now on the process with this id ends with ours. */
  guard(pid: number): void;
  /** The guarded process has ended; its id may soon be somebody else's. */
  ended(): void;
  release(): void;
}

/** Ends a server of ours and removes its directory when this process is gone. */
export function startWatchdog(directory: string): Watchdog {
  const shell = spawn('sh', ['-c', script, 'watchdog', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  const pipe = shell.stdin;
  pipe.on('error', () => undefined);
  shell.on('error', () => undefined);
  return {
    guard(pid) {
      pipe.write(`${pid}\n`);
    },
    ended() {
      pipe.write('ended\n');
    },
    release() {
      pipe.end();
    },
  };
}
