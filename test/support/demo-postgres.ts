import pg from 'pg';
import { type CategoryLayout, sampleCategories } from '../../src/demo/category.js';
import { EmbeddedPostgres } from '../../src/demo/postgres-server/embedded-postgres.js';
import { InPostgres } from '../../src/demo/primary/in-postgres.js';
import { type DemoApp, startDemoApp } from './demo-app.js';
import type { TestRedis } from './redis.js';

const table = 'prefetch_demo_category';

/** The Postgres that the sample app starts, and sample apps with their primary in it, one after the other. */
export class DemoPostgres {
  readonly server: EmbeddedPostgres;
  #primary: InPostgres | undefined;
  #app: DemoApp | undefined;

  private constructor(server: EmbeddedPostgres) {
    this.server = server;
  }

  static async start(): Promise<DemoPostgres> {
    return new DemoPostgres(await EmbeddedPostgres.start(process.cwd()));
  }

  /** Over a connection of its own, as somebody else would. */
  async run(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(this.server.connection);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql.replaceAll('$table', table))).rows;
    } finally {
      await client.end();
    }
  }

  /** @param isOurs whether the app may crash the server */
  async startApp(
    redis: TestRedis,
    { layout = 'json', isOurs = true, ...options }: AppOptions = {},
  ): Promise<DemoApp> {
    this.#primary = await InPostgres.open({
      connection: this.server.connection,
      layout,
      records: sampleCategories(layout),
      server: isOurs ? this.server : {},
      warn: () => undefined,
    });
    return (this.#app = await startDemoApp(redis, { ...options, layout, primary: this.#primary }));
  }

  /** Nothing of the app stays on the server. */
  async stopApp(): Promise<void> {
    await this.#app?.stop();
    await this.#primary?.stop();
    await this.run(`drop table if exists $table`);
    await this.run(`select pg_drop_replication_slot(slot_name) from pg_replication_slots`);
    await this.run(`drop publication if exists ${table}`);
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }
}

type AppOptions = { layout?: CategoryLayout; isOurs?: boolean } & Omit<
  NonNullable<Parameters<typeof startDemoApp>[1]>,
  'primary' | 'records'
>;
