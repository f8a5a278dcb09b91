import type { PoolConfig } from 'pg';
import type { ChangeSource } from '../../index.js';
import { type PostgresSourceOptions, PostgresSource, preparePostgres } from '../../sources/postgres/index.js';
import type { Category, CategoryFields, CategoryLayout } from '../category.js';
import { NoPostgresError } from '../postgres-server/no-postgres-error.js';
import { CategoryTable, categoryOf, tableName } from './category-table.js';
import { countSnapshots } from './count-snapshots.js';
import { Database } from './database.js';
import type { Primary, PrimaryServer } from './primary.js';
import { dropSlot, slotAtRest } from './slot.js';
import { StatementLog } from './statement-log.js';

export interface InPostgresOptions {
  readonly connection: PoolConfig & { readonly password?: string };
  readonly layout: CategoryLayout;
  /** What the table holds when it is new. */
  readonly records: Iterable<Category>;
  readonly server: PrimaryServer;
  /** Hears what somebody who runs the server should know. */
  readonly warn: (line: string) => void;
  /** After it was used for the last time. */
  readonly farewell?: () => Promise<void>;
}

/** The categories in a table, followed by logical replication. */
export class InPostgres implements Primary {
  readonly kind = 'postgres';
  readonly source: ChangeSource<Category>;
  readonly statements: StatementLog;
  readonly server: PrimaryServer;
  /** How many rows there were already. */
  readonly found: number;
  readonly #database: Database;
  readonly #table: CategoryTable;
  readonly #farewell: () => Promise<void>;
  #reads = 0;

  private constructor(
    { layout, connection, server, farewell }: InPostgresOptions,
    parts: { database: Database; table: CategoryTable; statements: StatementLog; found: number },
  ) {
    this.server = server;
    this.statements = parts.statements;
    this.found = parts.found;
    this.#database = parts.database;
    this.#table = parts.table;
    this.#farewell = farewell ?? (() => Promise.resolve());
    const source = new PostgresSource<Category>(sourceOptions(connection, layout));
    this.source = countSnapshots(source, () => this.#reads++);
  }

  /** @throws NoPostgresError when the server, the role or the table is not as it has to be */
  static async open(options: InPostgresOptions): Promise<InPostgres> {
    const statements = new StatementLog();
    const database = await Database.at(options.connection, statements);
    try {
      if ((await slotAtRest(database, tableName)) === 'in use') throw otherApp();
      const table = new CategoryTable(database, options.layout);
      const isNew = await table.make();
      const whyNot = await prepare(options, statements);
      if (whyNot !== undefined) {
        // What is to be run may need it.
        if (isNew && !whyNot.includes(tableName)) await table.drop();
        throw new NoPostgresError(`it is not ready to be followed:\n${whyNot}`);
      }
      const found = await table.count();
      if (found === 0) await table.fill(options.records);
      return new InPostgres(options, { database, table, statements, found });
    } catch (error) {
      await database.end();
      throw error;
    }
  }

  get reads(): number {
    return this.#reads;
  }

  resetReads(): void {
    this.#reads = 0;
  }

  count(): Promise<number> {
    return this.#table.count();
  }

  ids(): Promise<ReadonlySet<string>> {
    return this.#table.ids();
  }

  first(limit: number): Promise<object[]> {
    return this.#table.first(limit);
  }

  add(record: Category): Promise<boolean> {
    return this.#table.insert(record);
  }

  update(id: string, fields: CategoryFields): Promise<object | undefined> {
    return this.#table.update(id, fields);
  }

  delete(id: string): Promise<boolean> {
    return this.#table.delete(id);
  }

  async poison(): Promise<string> {
    const id = await this.#table.insertNameless();
    return `The table has a new row ${id} whose name is null: no record can be made of it.`;
  }

  async stop(): Promise<void> {
    const isSomebodys = this.server.crash === undefined;
    // Left behind, the slot would make the server keep its log for a worker that may never come.
    if (isSomebodys) await dropSlot(this.#database, tableName).catch(() => undefined);
    await this.#database.end();
    await this.#farewell();
  }
}

function sourceOptions(
  connection: InPostgresOptions['connection'],
  layout: CategoryLayout,
): PostgresSourceOptions<Category> {
  return {
    connection: { ...connection },
    table: tableName,
    publication: tableName,
    slot: tableName,
    heartbeatMs: 500, // who presses Reconcile waits for the next one
    onWarning: () => undefined, // there are events of them
    map: (row) => categoryOf(layout, row),
  };
}

function otherApp(): NoPostgresError {
  return new NoPostgresError(`another sample app follows it: somebody reads the replication slot ${tableName}.
Stop that app, or name another database with --primary.`);
}

/** Returns what keeps it from being followed. */
async function prepare(
  { connection, layout, warn }: InPostgresOptions,
  statements: StatementLog,
): Promise<string | undefined> {
  const { isReady, findings } = await preparePostgres(sourceOptions(connection, layout));
  const told = findings.map(({ level, text, sql }) => ({ level, sql, text: inLines(text, sql) }));
  const texts = (wanted: string) => told.filter(({ level }) => level === wanted).map(({ text }) => text);
  if (!isReady) return texts('problem').join('\n');
  for (const text of texts('warning')) warn(`Postgres:\n${text}`);
  for (const { level, sql } of told) {
    if (level === 'done' && sql !== undefined) {
      statements.add({ sql, parameters: [], at: new Date().toISOString() });
    }
  }
  return undefined;
}

function inLines(text: string, sql: string | undefined): string {
  return sql === undefined ? `- ${text}` : `- ${text}\n  ${sql};`;
}
