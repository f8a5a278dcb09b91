import { PrefetchError } from '../../../errors.js';
import { unlessAborted } from '../../../settling.js';
import { type PgClient, loadPg } from './pg-client.js';
import type { PgConfig } from './pg-config.js';
import { postgresError } from './postgres-error.js';

const connectTimeoutMs = 10_000;
const farewellMs = 300;

/** So that a value has the same text in a snapshot and in the stream, whoever the role is and whatever its defaults. */
const settings = `
  set datestyle = 'ISO'; set intervalstyle = 'iso_8601'; set timezone = 'UTC';
  set bytea_output = 'hex'; set extra_float_digits = 1; set lc_monetary = 'C'; set statement_timeout = 0;
  set lock_timeout = 0; set idle_in_transaction_session_timeout = 0; set search_path = pg_catalog`;

/** Opens connections to one database. */
export class Connections {
  readonly #config: PgConfig;

  constructor(config: PgConfig) {
    this.#config = config;
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
      await unlessAborted(client.connect(), signal);
      for (const setting of settings.split(';')) await unlessAborted(client.query(setting), signal);
      return client;
    } catch (error) {
      client.connection.stream.destroy();
      signal.throwIfAborted();
      throw this.#withoutSecrets(postgresError('connecting', error));
    }
  }

  async #newClient(kind: 'ordinary' | 'replication'): Promise<PgClient> {
    const Client = await loadPg();
    try {
      return new Client({
        application_name: 'express-prefetch-cache',
        connectionTimeoutMillis: connectTimeoutMs,
        keepAlive: true,
        ...this.#config,
        ...(kind === 'replication' && { replication: 'database', query_timeout: undefined }),
        types: { getTypeParser: () => (text: string) => text },
      });
    } catch {
      // The error of a connection string that cannot be read holds the string.
      throw new PrefetchError('ERR_PREFETCH_OPTION', 'pg cannot read what was given as `connection`.');
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
