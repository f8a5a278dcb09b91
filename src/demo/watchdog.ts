import { spawn } from 'node:child_process';

/**
 * Reads from a pipe that only this process holds open. However this process ends, SIGKILL included, the pipe closes,
 * and what is left behind is cleared away.
 */
const script = `
server=
while read -r line; do server=$line; done
if [ -n "$server" ]; then
  kill -s "$2" -- "-$server"
  tries=0
  while kill -s 0 -- "-$server" && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
  kill -s KILL -- "-$server"
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`;

export interface Watchdog {
  /** From now on this leader of a process group ends with ours, and its group. */
  guard(pid: number): void;
  /** The guarded process has ended; its id may soon be somebody else's. */
  ended(): void;
  release(): void;
}

/**
 * Ends a server of ours and removes its directory when this process is gone.
 *
 * @param signal what ends the server and all that belongs to it
 */
export function startWatchdog(directory: string, signal: 'KILL' | 'QUIT' = 'KILL'): Watchdog {
  const shell = spawn('sh', ['-c', script, 'watchdog', directory, signal], {
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
      pipe.write('\n');
    },
    release() {
      pipe.end();
    },
  };
}
