import { PostgresSource } from 'express-prefetch-cache/postgres';
import type pg from 'pg';
import { type TestPostgres, startTestPostgres } from '../test/support/postgres.js';
import type { Category } from './categories.js';

const slot = 'prefetch_category';
const publication = 'prefetch_category';

/** The categories in a table of a Postgres of its own, and what follows it. */
export class PostgresTable {
  readonly client: pg.Client;
  readonly #server: TestPostgres;

  private constructor(server: TestPostgres, client: pg.Client) {
    this.#server = server;
    this.client = client;
  }

  static async create(rows: number): Promise<PostgresTable> {
    const server = await startTestPostgres({ shared_buffers: '256MB', track_commit_timestamp: 'on' });
    const client = await server.client();
    await client.query(`
      create table category (id text primary key, name text, display_order text, featured text, parent_id text);
      insert into category select 'cat-' || i, 'Category ' || i, i, 'true', '' from generate_series(0, ${rows - 1}) i;
      ${paced}`);
    await client.query('vacuum analyze category');
    return new PostgresTable(server, client);
  }

  newSource(): PostgresSource<Category> {
    return new PostgresSource<Category>({ connection: this.#server.url, table: 'category' });
  }

  /**
   * Changes so many rows, beginning with the first, each in a transaction of its own; resolves with the rate reached.
   *
   * @param perSecond without it, as fast as it goes
   */
  async change(rows: number, perSecond?: number): Promise<number> {
    const startedAt = performance.now();
    await this.client.query(`call change_categories(${rows}, ${perSecond ?? 'null'})`);
    return (1000 * rows) / (performance.now() - startedAt);
  }

  /** When the latest change of each of the first rows was committed, in milliseconds since 1970. */
  async committedAt(rows: number): Promise<Map<string, number>> {
    const { rows: commits } = await this.client.query<{ id: string; at: string }>(`
      select id, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 as at
      from category where display_order::integer < ${rows}`);
    return new Map(commits.map(({ id, at }) => [id, Number(at)]));
  }

  /** Hears of each row that is changed, as a trigger tells it, until the returned function is called. */
  async listen(onRow: (row: Category) => void): Promise<() => Promise<void>> {
    const listener = await this.#server.client();
    listener.on('notification', ({ payload = '' }) => {
      onRow(JSON.parse(payload) as Category);
    });
    await listener.query('listen category');
    await this.client.query(`
      create or replace function tell_category() returns trigger language plpgsql as $$
        begin perform pg_notify('category', row_to_json(new)::text); return null; end $$;
      create trigger tell after update on category for each row execute function tell_category()`);
    return async () => {
      await this.client.query('drop trigger tell on category');
      await listener.end();
    };
  }

  /** All rows, to nowhere. */
  async copy(): Promise<void> {
    await this.client.query(
      'copy (select id, name, display_order, featured, parent_id from category) to stdout',
    );
  }

  /** What waits in the slot, decoded, to nowhere. */
  async decodeBacklog(): Promise<void> {
    await this.client.query(`
      select count(*) from pg_logical_slot_peek_binary_changes('${slot}', null, null,
        'proto_version', '1', 'publication_names', '${publication}')`);
  }

  /** Moves the slot to the position of a worker that has stopped. */
  async forgetBefore(position: string): Promise<void> {
    await this.#slotIsFree();
    const [lsn] = position.split('@');
    await this.client.query(`select pg_replication_slot_advance('${slot}', '${lsn}')`);
  }

  async dropSlot(): Promise<void> {
    await this.#slotIsFree();
    await this.client.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '${slot}'`,
    );
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async #slotIsFree(): Promise<void> {
    const query = `select from pg_replication_slots where slot_name = '${slot}' and active`;
    while ((await this.client.query(query)).rowCount !== 0) await this.client.query('select pg_sleep(0.01)');
  }
}

/** In the server, so that writing costs this process nothing. */
const paced = `
  create procedure change_categories(rows integer, per_second numeric) language plpgsql as $$
  declare
    begun_at timestamptz := clock_timestamp();
    version text := 'Version ' || begun_at;
    changed integer := 0;
    due integer := rows;
  begin
    while changed < rows loop
      if per_second is not null then
        due := least(rows, per_second * extract(epoch from clock_timestamp() - begun_at));
      end if;
      while changed < due loop
        update category set name = version where id = 'cat-' || changed;
        commit;
        changed := changed + 1;
      end loop;
      if changed < rows then perform pg_sleep(0.001); end if;
    end loop;
  end $$;`;
