import type { SourceSession } from '../../src/index.js';
import { type PostgresSourceOptions, PostgresSource } from '../../src/sources/postgres/index.js';
import { type ContractRecord, read, snapshotOf } from '../contract/source-reader.js';
import type { TestPostgres } from './postgres.js';

let tables = 0;

/** A table of its own, and sessions that follow it. */
export class PostgresTable {
  readonly name: string;
  readonly #postgres: TestPostgres;
  readonly #options: Partial<PostgresSourceOptions<ContractRecord>>;
  readonly #sessions: SourceSession<ContractRecord>[] = [];

  private constructor(postgres: TestPostgres, options: Partial<PostgresSourceOptions<ContractRecord>>) {
    this.name = `items_${tables++}`;
    this.#postgres = postgres;
    this.#options = options;
  }

  /** @param columns as in `create table` */
  static async create(
    postgres: TestPostgres,
    columns = 'id text primary key, version text',
    options: Partial<PostgresSourceOptions<ContractRecord>> = {},
  ): Promise<PostgresTable> {
    const table = new PostgresTable(postgres, options);
    await postgres.run(`create table ${table.name} (${columns})`);
    return table;
  }

  get slot(): string {
    return `prefetch_${this.name}`;
  }

  get options(): PostgresSourceOptions<ContractRecord> {
    return {
      connection: this.#postgres.url,
      table: this.name,
      heartbeatMs: 20,
      acknowledgeAfterMs: 0,
      onWarning: () => undefined,
      ...this.#options,
    };
  }

  /** `$table` stands for the name of the table. */
  run(sql: string): Promise<Record<string, unknown>[]> {
    return this.#postgres.run(sql.replaceAll('$table', this.name));
  }

  async open(
    options: Partial<PostgresSourceOptions<ContractRecord>> = {},
  ): Promise<SourceSession<ContractRecord>> {
    const source = new PostgresSource<ContractRecord>({ ...this.options, ...options });
    const session = await source.open(new AbortController().signal);
    this.#sessions.push(session);
    return session;
  }

  /** Loads, and gives what changes afterwards while the SQL runs. */
  async changesOf(sql: string): Promise<{ records: ContractRecord[]; changes: object[] }> {
    const session = await this.open();
    const { records, position } = await snapshotOf(session);
    const reader = read(session, position);
    await this.run(sql);
    await reader.isIdle();
    await reader.stop();
    // `undefined` counts as absent where tests compare
    const changes = reader.changes.map((change) => ({ ...change, timestampMs: undefined }));
    return { records, changes };
  }

  async slotState(): Promise<Record<string, unknown> | undefined> {
    return (
      await this.run(`
        select *, pg_current_wal_flush_lsn() - restart_lsn as retained,
          pg_current_wal_flush_lsn() - confirmed_flush_lsn as unconfirmed
        from pg_replication_slots where slot_name = '${this.slot}'`)
    )[0];
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}
