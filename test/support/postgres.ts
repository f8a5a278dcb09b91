import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.js';
import { certificate, privateKey } from './postgres-tls.js';
import { until } from './until.js';

const basics: Readonly<Record<string, string | number>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: 20,
  max_replication_slots: 20,
  shared_buffers: '16MB',
  fsync: 'off',
  // Nothing writes to the log but the test.
  autovacuum: 'off',
  bgwriter_delay: '10s',
  checkpoint_timeout: '1h',
  log_min_messages: 'fatal',
};

type Settings = Readonly<Record<string, string | number>>;

type Result = pg.QueryResult<Record<string, unknown>>;

export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Runs SQL, several commands too. */
  run(sql: string): Promise<Record<string, unknown>[]>;
  /** A client that the test may keep; closed by stop(). */
  client(): Promise<pg.Client>;
  /** As in a crash; with SIGKILL its processes may outlive it for a moment, and it cannot start before they end. */
  kill(signal?: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** As an operator does it; resolves when it is down. */
  shutDown(): Promise<void>;
  /** Comes back with its data. */
  start(): Promise<void>;
  /** Takes over from what it was before, as a standby does in a failover. It has to be down. */
  startAsSuccessor(): Promise<void>;
  /** A server that follows this one, which is restarted for it. */
  startStandby(settings?: Settings): Promise<TestPostgres>;
  stop(): Promise<void>;
}

/** A Postgres of its own, with logical replication. */
export async function startTestPostgres(settings: Settings = {}): Promise<TestPostgres> {
  const binaries = await postgresBinaries();
  return startOn(await newCluster(binaries), binaries, settings);
}

async function startOn(data: string, binaries: PostgresBinaries, settings: Settings): Promise<TestPostgres> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const clients: pg.Client[] = [];
  let server: ChildProcess | undefined;

  const connect = async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const start = async () => {
    const flags = Object.entries({ ...basics, ...settings, port }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    server = spawn(join(binaries.folder, 'postgres'), ['-D', data, ...flags], {
      ...binaries.identity,
      cwd: data,
      stdio: ['ignore', 'ignore', process.env['TEST_POSTGRES_LOG'] ? 'inherit' : 'ignore'],
    });
    await until(async () => {
      if (server?.exitCode !== null) throw new Error('The Postgres of the tests did not start.');
      const client = await connect().catch(() => undefined);
      await client?.end();
      return client !== undefined;
    }, 20_000);
  };
  const end = async (signal: NodeJS.Signals) => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  await start();

  return {
    url,
    port,
    async run(sql) {
      const client = await connect();
      try {
        const results: Result | Result[] = await client.query(sql);
        const last: Result | undefined = [results].flat().at(-1);
        return last?.rows ?? [];
      } finally {
        await client.end();
      }
    },
    async client() {
      const client = await connect();
      clients.push(client);
      return client;
    },
    kill: (signal = 'SIGQUIT') => end(signal),
    shutDown: () => end('SIGINT'),
    start,
    async startAsSuccessor() {
      await writeFile(join(data, 'standby.signal'), '');
      await start();
      const client = await connect();
      await client.query('select pg_promote()');
      await client.end();
    },
    async startStandby(more = {}) {
      await end('SIGINT');
      const copy = `${data}-standby`;
      await promisify(execFile)('cp', ['-a', data, copy]);
      await writeFile(join(copy, 'standby.signal'), '');
      await start();
      const primary_conninfo = `host=127.0.0.1 port=${port} user=postgres dbname=postgres`;
      return startOn(copy, binaries, { ...settings, primary_conninfo, ...more });
    },
    async stop() {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await end('SIGQUIT');
      await rm(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

/** Anybody on this machine may come in; only `guarded` needs a password, and `sealed` a password and TLS. */
async function newCluster({ folder, identity }: PostgresBinaries): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'prefetch-postgres-'));
  if (identity.uid !== undefined) await chown(data, identity.uid, identity.gid ?? identity.uid);
  const flags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(folder, 'initdb'), ['-D', data, ...flags], { ...identity, cwd: data });
  const rules = [
    'hostnossl all sealed 127.0.0.1/32 reject',
    'host all guarded,sealed 127.0.0.1/32 scram-sha-256',
    'host all all 127.0.0.1/32 trust',
    'host replication all 127.0.0.1/32 trust',
  ];
  await writeFile(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  await writeFile(join(data, 'server.crt'), certificate);
  await writeFile(join(data, 'server.key'), privateKey, { mode: 0o600 });
  if (identity.uid !== undefined)
    await chown(join(data, 'server.key'), identity.uid, identity.gid ?? identity.uid);
  return data;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
