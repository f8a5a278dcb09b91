import type { Pool, PoolClient, PoolConfig } from 'pg';
import { BadRequestError } from '../bad-request.js';
import { loadPg } from '../postgres-server/load-pg.js';
import { NoPostgresError } from '../postgres-server/no-postgres-error.js';
import { PrimaryUnavailableError } from './primary-unavailable-error.js';
import { type StatementLog, literalOf } from './statement-log.js';

/** With all values as texts, as the stream of changes has them too. */
export type TextRow = Readonly<Record<string, string | null>>;

type Values = readonly unknown[];

type Change = (sql: string, values?: Values) => Promise<readonly TextRow[]>;

const patience = { connectionTimeoutMillis: 2_000, query_timeout: 4_000 };

/** Runs SQL, over connections that come back. */
export class Database {
  readonly #pool: Pool;
  readonly #log: StatementLog;

  private constructor(pool: Pool, log: StatementLog) {
    this.#pool = pool;
    this.#log = log;
    pool.on('error', () => undefined); // whoever asks next hears of it
  }

  /** @throws NoPostgresError */
  static async at(connection: PoolConfig, log: StatementLog): Promise<Database> {
    const { Pool } = await loadPg();
    const types = { getTypeParser: () => (text: string) => text };
    return new Database(new Pool({ ...patience, max: 4, ...connection, types }), log);
  }

  /** Looks, without a word in the log. @throws PrimaryUnavailableError */
  async look(sql: string, values: Values = []): Promise<readonly TextRow[]> {
    try {
      return (await this.#pool.query<TextRow>(sql, [...values])).rows;
    } catch (error) {
      throw errorFrom(error);
    }
  }

  /** Changes something, and writes it in the log. @throws BadRequestError @throws PrimaryUnavailableError */
  change(sql: string, values?: Values): Promise<readonly TextRow[]> {
    return this.#changeOn(this.#pool, sql, values);
  }

  /** Everything or nothing. */
  async transaction(work: (change: Change) => Promise<void>): Promise<void> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw errorFrom(error);
    });
    try {
      await client.query('begin');
      await work((sql, values) => this.#changeOn(client, sql, values));
      await client.query('commit');
      client.release();
    } catch (error) {
      client.release(true);
      throw errorFrom(error);
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #changeOn(on: Pool | PoolClient, sql: string, values: Values = []): Promise<readonly TextRow[]> {
    const startedAt = performance.now();
    const told = { sql, parameters: values.map(literalOf), at: new Date().toISOString() };
    const elapsedMs = () => Math.round(10 * (performance.now() - startedAt)) / 10;
    try {
      const { rows, rowCount } = await on.query<TextRow>(sql, [...values]);
      this.#log.add({ ...told, ...(rowCount !== null && { rows: rowCount }), elapsedMs: elapsedMs() });
      return rows;
    } catch (error) {
      this.#log.add({ ...told, error: messageOf(error), elapsedMs: elapsedMs() });
      throw errorFrom(error);
    }
  }
}

/** What the data is to blame for, what time may mend, and the rest as it is. */
function errorFrom(error: unknown): unknown {
  if (error instanceof NoPostgresError || error instanceof BadRequestError) return error;
  const { code } = error as { code?: unknown };
  // Not what Node says, such as EPIPE.
  const state = typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
  if (state && /^2[23]/.test(state)) return new BadRequestError(`Postgres refuses it: ${messageOf(error)}.`);
  // So that the page says it, and not that the app is broken: somebody dropped the table, or took its rights.
  const isGone = state === '42P01' || state === '42501';
  if (state && !isGone && !/^(08|57P|53)/.test(state)) return error;
  return new PrimaryUnavailableError(messageOf(error), { cause: error });
}

/** A host with several addresses fails with one error for each of them, and no message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return (error as Error).message;
}
