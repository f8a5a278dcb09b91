import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ConflictError } from '../conflict-error.js';
import { type Watchdog, startWatchdog } from '../watchdog.js';
import { loadPg } from './load-pg.js';
import { NoPostgresError } from './no-postgres-error.js';
import { type PostgresBinaries, findPostgresBinaries, identityForPostgres } from './postgres-binaries.js';

const startTimeoutMs = 30_000;

/** Its data lives no longer than the app, so nothing has to reach the disk. */
const settings = {
  listen_addresses: '',
  wal_level: 'logical',
  max_slot_wal_keep_size: '1GB',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
};

/** A Postgres of our own, gone without a trace when it is stopped or this process ends, however it ends. */
export class EmbeddedPostgres {
  /** Only through a socket in a directory that nobody else may enter: so it needs neither port nor password. */
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  readonly #directory: string;
  readonly #binaries: PostgresBinaries;
  readonly #watchdog: Watchdog;
  #server: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #comesBack: NodeJS.Timeout | undefined;
  #isStopped = false;
  #coming: Promise<void> = Promise.resolve();

  private constructor(directory: string, binaries: PostgresBinaries, watchdog: Watchdog) {
    this.#directory = directory;
    this.#binaries = binaries;
    this.#watchdog = watchdog;
    this.connection = { host: directory, user: 'postgres', database: 'postgres' };
  }

  /** @throws NoPostgresError */
  static async start(projectDirectory: string): Promise<EmbeddedPostgres> {
    const directory = await mkdtemp(join(tmpdir(), 'prefetch-primary-'));
    // Asked to quit rather than killed: then it takes its children with it.
    const watchdog = startWatchdog(directory, 'QUIT');
    try {
      const { uid, gid } = identityForPostgres();
      if (uid !== undefined && gid !== undefined) await chown(directory, uid, gid);
      const binaries = await findPostgresBinaries(projectDirectory, join(directory, 'native'));
      const postgres = new EmbeddedPostgres(directory, binaries, watchdog);
      await postgres.#begin();
      return postgres;
    } catch (error) {
      watchdog.release();
      await removeAll(directory);
      throw error;
    }
  }

  /** Ends it at once, as a crash of its machine would, and starts it anew with its data after a while. */
  async crash(downMs: number, onBack: () => void): Promise<void> {
    if (this.#comesBack || !this.#isRunning) throw new ConflictError('Postgres is down already.');
    this.#comeBackIn(downMs, onBack);
    await this.#quit();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#comesBack);
    await this.#coming;
    await this.#quit();
    this.#watchdog.release();
    await removeAll(this.#directory);
  }

  #comeBackIn(ms: number, onBack: () => void): void {
    this.#comesBack = setTimeout(() => {
      this.#comesBack = undefined;
      this.#coming = this.#run().then(onBack, (error: unknown) => {
        console.error(error);
        if (!this.#isStopped) this.#comeBackIn(ms, onBack);
      });
    }, ms);
  }

  async #begin(): Promise<void> {
    const initdb = await this.#spawn('initdb', [
      ...['-D', this.#data, '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync'],
      ...['--auth-local=trust', '--auth-host=reject'],
    ]);
    await this.#ended;
    if (initdb.exitCode !== 0) throw await this.#failure('initdb', 'it failed');
    await this.#run();
  }

  async #run(): Promise<void> {
    const flags = Object.entries({ ...settings, unix_socket_directories: this.#directory });
    const server = await this.#spawn('postgres', [
      ...['-D', this.#data],
      ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    this.#server = server;
    server.unref();
    const why = await this.#whySilent(server);
    if (why === undefined) return;
    await this.#quit();
    throw await this.#failure('postgres', why);
  }

  /** Detached, so that Ctrl-C in a terminal reaches the app only, and as the leader of a group for the watchdog. */
  async #spawn(name: string, args: readonly string[]): Promise<ChildProcess> {
    const log = await open(this.#log, 'a');
    const { folder, identity } = this.#binaries;
    const child = spawn(join(folder, name), args, {
      ...identity,
      cwd: this.#directory,
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    this.#ended = once(child, 'exit').then(
      () => {
        this.#watchdog.ended();
      },
      () => undefined,
    );
    try {
      await once(child, 'spawn');
    } finally {
      await log.close();
    }
    if (child.pid !== undefined && child.exitCode === null) this.#watchdog.guard(child.pid);
    return child;
  }

  /** Resolves when it answers, or with what is wrong. */
  async #whySilent(server: ChildProcess): Promise<string | undefined> {
    const { Client } = await loadPg();
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const client = new Client(this.connection);
      client.on('error', () => undefined);
      try {
        await client.connect();
        return undefined;
      } catch (error) {
        if (server.exitCode !== null || server.signalCode !== null) return 'it ended';
        if (performance.now() > deadline) return (error as Error).message;
      } finally {
        await client.end().catch(() => undefined);
      }
      await pause(10);
    }
  }

  async #quit(): Promise<void> {
    if (!this.#isRunning) return;
    this.#server?.ref();
    this.#server?.kill('SIGQUIT');
    await this.#ended;
  }

  get #isRunning(): boolean {
    return this.#server?.exitCode === null && this.#server.signalCode === null;
  }

  async #failure(program: string, what: string): Promise<NoPostgresError> {
    const said = await readFile(this.#log, 'utf8').catch(() => '');
    const last = said.trim().split('\n').slice(-3).join('\n');
    return new NoPostgresError(`The embedded Postgres did not start: ${program}: ${what}\n${last}`);
  }

  get #data(): string {
    return join(this.#directory, 'data');
  }

  get #log(): string {
    return join(this.#directory, 'log');
  }
}

function removeAll(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
