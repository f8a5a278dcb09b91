import type { SourceSession } from '../../src/index.js';
import { type OutboxSourceOptions, OutboxSource } from '../../src/sources/postgres/outbox/index.js';
import { type ContractRecord, read, snapshotOf } from '../contract/source-reader.js';
import type { TestPostgres } from './postgres.js';

type Options = Partial<OutboxSourceOptions<ContractRecord>>;

let tables = 0;

/** A table of its own, and sessions that follow it by its outbox. */
export class OutboxTable {
  readonly name = `items_${tables++}`;
  readonly #postgres: TestPostgres;
  readonly #options: Options;
  readonly #sessions: SourceSession<ContractRecord>[] = [];

  private constructor(postgres: TestPostgres, options: Options) {
    this.#postgres = postgres;
    this.#options = options;
  }

  /** @param columns as in `create table` */
  static async create(
    postgres: TestPostgres,
    columns = 'id text primary key, version text',
    options: Options = {},
  ): Promise<OutboxTable> {
    const table = new OutboxTable(postgres, options);
    await table.run(`create table $table (${columns})`);
    return table;
  }

  get options(): OutboxSourceOptions<ContractRecord> {
    return {
      connection: this.#postgres.url,
      table: this.name,
      pollMs: 5,
      heartbeatMs: 20,
      acknowledgeAfterMs: 0,
      onWarning: () => undefined,
      ...this.#options,
    };
  }

  /** `$table` stands for the name of the table, `$outbox` for that of its outbox. */
  run(sql: string): Promise<Record<string, unknown>[]> {
    return this.#postgres.run(
      sql.replaceAll('$outbox', `prefetch_outbox_${this.name}`).replaceAll('$table', this.name),
    );
  }

  /** Each with a source of its own, as after a restart of the process. */
  async open(options: Options = {}): Promise<SourceSession<ContractRecord>> {
    const source = new OutboxSource<ContractRecord>({ ...this.options, ...options });
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

  /** How many rows the outbox holds. */
  async waiting(): Promise<number> {
    return Number((await this.run('select count(*) from $outbox'))[0]?.['count']);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}
