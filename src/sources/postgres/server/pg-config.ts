import { PrefetchError } from '../../../errors.js';

/** What `new Client()` of pg takes. */
export interface PgConfig {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | (() => string | Promise<string>) | undefined;
  readonly database?: string | undefined;
  readonly ssl?: boolean | object | undefined;
  readonly [option: string]: unknown;
}

/**
 * What was given is never part of the message: there may be a password in it.
 *
 * @throws PrefetchError
 */
export function connectionOf(given: unknown): PgConfig {
  if (typeof given === 'string' && given !== '') return { connectionString: given };
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as PgConfig;
  throw new PrefetchError(
    'ERR_PREFETCH_OPTION',
    'Expected `connection` to be a connection string or a config, as `new Client()` of pg takes.',
  );
}
