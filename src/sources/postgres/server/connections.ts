import { PrefetchError } from '../../../errors.js';
import { unlessAborted } from '../../../settling.js';
import { Line } from './line.js';
import { type PgClient, loadPg } from './pg-client.js';
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
  select set_config(wanted.name, wanted.value, false)
  from (values ${Object.entries({ ...ofValues, ...ofTime })
    .map((setting) => `(${setting.map(quoteText).join(', ')})`)
    .join(', ')}) as wanted (name, value)
  where wanted.name in (select lower(known.name) from pg_catalog.pg_settings known)`;

/** Opens connections to one database. */
export class Connections {
  readonly #config: PgConfig;
  readonly #silenceMs: number;

  /** @param silenceMs after so much silence a line on which an answer is due is given up, unless the server is at work */
  constructor(config: PgConfig, silenceMs = longestSilenceMs) {
    this.#config = config;
    this.#silenceMs = silenceMs;
  }

  /**
   * @param onLost hears when the line breaks afterwards
   * @throws PrefetchError
   */
  async open(
    kind: 'ordinary' | 'replication',
    signal: AbortSignal,
    onLost: (error: unknown) => void = () => undefined,
  ): Promise<PgClient> {
    signal.throwIfAborted();
    const client = await this.#newClient(kind);
    client.on('error', onLost);
    client.on('end', onLost);
    try {
      await unlessAborted(this.#begin(client), signal);
      return new Line(client, { silenceMs: this.#silenceMs, isAtWork: (line) => this.isAtWork(line) });
    } catch (error) {
      client.connection.stream.destroy();
      signal.throwIfAborted();
      throw this.#withoutSecrets(postgresError('connecting', error));
    }
  }

  /**
   * Whether the server is busy with what it was asked on this line, and not waiting for us: asked on another one. False
   * when that cannot be asked.
   */
  async isAtWork({ processID }: PgClient): Promise<boolean> {
    const other = await this.#newClient('ordinary');
    other.on('error', () => undefined);
    try {
      await this.#begin(other);
      const sql = `select from pg_stat_activity
        where pid = $1 and coalesce(wait_event_type, '') not in ('Client', 'Activity')`;
      return (await this.#inTime(other, other.query(sql, [processID]))).rows.length > 0;
    } catch {
      return false;
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

  async #begin(client: PgClient): Promise<void> {
    await this.#inTime(
      client,
      client.connect().then(() => client.query(settings)),
    );
  }

  /** A server that takes a connection and says nothing is none. */
  async #inTime<T>(client: PgClient, work: Promise<T>): Promise<T> {
    const { connectionTimeoutMillis: given } = this.#config;
    const timeoutMs = typeof given === 'number' && given > 0 ? given : connectTimeoutMs;
    const timer = setTimeout(() => {
      client.connection.stream.destroy(new Error('timeout expired'));
    }, timeoutMs);
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
