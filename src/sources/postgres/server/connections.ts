import { PrefetchError } from '../../../errors.js';
import { unlessAborted } from '../../../settling.js';
import { Line } from './line.js';
import { type PgClient, type TextRow, loadPg } from './pg-client.js';
import type { PgConfig } from './pg-config.js';
import { postgresError } from './postgres-error.js';
import { quoteText } from './quoting.js';

const connectTimeoutMs = 10_000;
const longestSilenceMs = 10_000;
const farewellMs = 300;

/** So that a value has the same text in a snapshot and in the stream, whoever the role is and whatever its defaults. */
const ofValues = {
  datestyle: 'ISO',
  intervalstyle: 'iso_8601',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
};

/** A load takes its time, and who follows may have nothing to say for long. */
const ofTime = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/** Those that the server knows: each version has others. */
const settings = `
  select set_config(wanted.name, wanted.value, false), pg_backend_pid() as pid
  from (values ${Object.entries({ ...ofValues, ...ofTime })
    .map((setting) => `(${setting.map(quoteText).join(', ')})`)
    .join(', ')}) as wanted (name, value)
  where wanted.name in (select lower(known.name) from pg_catalog.pg_settings known)`;

/** What is made for a slot waits for the log like one that sends it, which is always ready to hear us. */
const work = `
  select from pg_stat_activity where pid = $1 and (
    coalesce(wait_event_type, '') not in ('Client', 'Activity')
    or (wait_event ilike 'WalSenderWaitForWal' and query like 'CREATE_REPLICATION_SLOT%'))`;

/** Only one of ours that waits for us: elsewhere, as after a failover, the number may be that of somebody else. */
const ending = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where pid = $1 and usename = current_user and application_name = current_setting('application_name')
  and wait_event_type = 'Client'`;

const tooManyConnections = '53300';

/** Opens connections to one database. */
export class Connections {
  readonly #config: PgConfig;
  /** After so much silence a line on which something is due is given up, unless the server is at work. */
  readonly silenceMs: number;

  constructor(config: PgConfig, silenceMs = longestSilenceMs) {
    this.#config = config;
    this.silenceMs = silenceMs;
  }

  /**
   * @param onLost hears when the line breaks afterwards
   * @throws PrefetchError
   */
  async open(
    kind: 'ordinary' | 'replication',
    signal: AbortSignal,
    onLost: (error: unknown) => void = () => undefined,
  ): Promise<Line> {
    signal.throwIfAborted();
    const client = await this.#newClient(kind);
    client.on('error', onLost);
    client.on('end', onLost);
    try {
      return new Line(client, await unlessAborted(this.#begin(client), signal), this);
    } catch (error) {
      client.connection.stream.destroy();
      signal.throwIfAborted();
      throw this.#withoutSecrets(postgresError('connecting', error));
    }
  }

  /** Whether the server is busy with what it was asked on a line, and not waiting for us. False when it is away. */
  async isAtWork(line: { readonly processID: number }): Promise<boolean> {
    try {
      return (await this.#askBeside(line, work)).length > 0;
    } catch (error) {
      return (error as { code?: unknown }).code === tooManyConnections; // then nobody can say
    }
  }

  /** A server that does not notice that a line is dead keeps its slot, or its snapshot, for a minute or for hours. */
  async giveUp(line: { readonly processID: number }): Promise<void> {
    await this.#askBeside(line, ending).catch(() => undefined);
  }

  async #askBeside(line: { readonly processID: number }, question: string): Promise<TextRow[]> {
    const other = await this.#newClient('ordinary');
    other.on('error', () => undefined);
    try {
      await this.#begin(other);
      return (await this.#inTime(other, other.query(question, [line.processID]))).rows;
    } finally {
      await close(other);
    }
  }

  async #newClient(kind: 'ordinary' | 'replication'): Promise<PgClient> {
    const Client = await loadPg();
    try {
      return new Client({
        application_name: 'express-prefetch-cache',
        keepAlive: true,
        keepAliveInitialDelayMillis: longestSilenceMs,
        ...this.#config,
        ...(kind === 'replication' && { replication: 'database', query_timeout: undefined }),
        types: { getTypeParser: () => (text: string) => text },
      });
    } catch {
      // The error of a connection string that cannot be read holds the string.
      throw new PrefetchError('ERR_PREFETCH_OPTION', 'pg cannot read what was given as `connection`.');
    }
  }

  /** Gives the process that is at the other end: a pooler may have named another one. */
  async #begin(client: PgClient): Promise<number> {
    const { rows } = await this.#inTime(
      client,
      client.connect().then(() => client.query(settings)),
    );
    return Number(rows[0]?.['pid']);
  }

  /** A server that takes a connection and says nothing is none. */
  async #inTime<T>(client: PgClient, work: Promise<T>): Promise<T> {
    const { connectionTimeoutMillis: given } = this.#config;
    const timeoutMs = typeof given === 'number' && given > 0 ? given : connectTimeoutMs;
    const timer = setTimeout(() => {
      client.connection.stream.destroy(new Error('timeout expired'));
    }, timeoutMs).unref();
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  #withoutSecrets(error: PrefetchError): PrefetchError {
    const secrets = secretsIn(this.#config);
    const texts = [error.message, String(error.cause)];
    if (!secrets.some((secret) => texts.some((text) => text.includes(secret)))) return error;
    const message = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), error.message);
    return new PrefetchError(error.code, message);
  }
}

/** Says goodbye, and does not wait for long. */
export function close(client: PgClient): Promise<void> {
  const { stream } = client.connection;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      stream.destroy();
      resolve();
    }, farewellMs);
    client
      .end()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer);
        resolve();
      });
    stream.resume(); // a paused one would never see the end
  });
}

function secretsIn({ password, connectionString }: PgConfig): string[] {
  const inString = /\/\/[^:@/]*:([^@]*)@/.exec(connectionString ?? '')?.[1] ?? '';
  const inQuery = /[?&]password=([^&]*)/.exec(connectionString ?? '')?.[1] ?? '';
  const given = [typeof password === 'string' ? password : '', inString, inQuery];
  return [...given, ...given.map(decoded)].filter((secret) => secret.length >= 3);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
