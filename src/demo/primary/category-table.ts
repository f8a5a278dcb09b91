import type { Category, CategoryFields, CategoryLayout } from '../category.js';
import type { Database, TextRow } from './database.js';
import { NoPostgresError } from '../postgres-server/no-postgres-error.js';

/** Named so that it does not meet anybody's own categories. */
export const tableName = 'prefetch_demo_category';

const table = `public.${tableName}`;
const mark = 'Made by the sample app of express-prefetch-cache.';
const rowsPerInsert = 10_000;
const columns = ['id', 'name', 'display_order', 'featured', 'parent_id'] as const;
const types = ['text', 'text', 'integer', 'boolean', 'text'];

/** A name may be missing, so that there can be rows that are no categories. */
const definition = `create table ${table} (
  id text primary key,
  name text,
  display_order integer not null default 0,
  featured boolean not null default false,
  parent_id text not null default ''
)`;

/** The table of the categories, and the SQL that goes to it. */
export class CategoryTable {
  readonly #database: Database;
  readonly #layout: CategoryLayout;

  constructor(database: Database, layout: CategoryLayout) {
    this.#database = database;
    this.#layout = layout;
  }

  /**
   * Makes it if it is not there; false when it was.
   *
   * @throws NoPostgresError when the table of that name is somebody's
   */
  async make(): Promise<boolean> {
    const [found] = await this.#database.look(
      `select obj_description(c.oid, 'pg_class') as mark, (
         select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ')
         from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
       from pg_class c where c.oid = to_regclass($1)`,
      [table],
    );
    if (!found) {
      await this.#database.transaction(async (change) => {
        await change(definition);
        await change(`comment on table ${table} is '${mark}'`);
      });
      return true;
    }
    const there = found['columns']?.split(', ') ?? [];
    const isWhole = columns.every((name, n) => there.includes(`${name} ${types[n]}`));
    if (found['mark'] === mark && isWhole) return false;
    throw new NoPostgresError(`there is a table ${table} that is not the sample app's, and it is left alone.
Name another database with --primary, or rename that table.`);
  }

  async drop(): Promise<void> {
    await this.#database.change(`drop table ${table}`);
  }

  /** All of them or none. */
  async fill(records: Iterable<Category>): Promise<void> {
    await this.#database.transaction(async (change) => {
      const insert = async (rows: readonly Category[]) => {
        const lists = columns.map((name) => rows.map((row) => row[name]));
        const given = types.map((type, n) => `$${n + 1}::${type}[]`).join(', ');
        await change(`insert into ${table} (${columns.join(', ')}) select * from unnest(${given})`, lists);
      };
      let rows: Category[] = [];
      for (const record of records) {
        if (rows.push(record) < rowsPerInsert) continue;
        await insert(rows);
        rows = [];
      }
      if (rows.length > 0) await insert(rows);
    });
  }

  async count(): Promise<number> {
    const [row] = await this.#database.look(`select count(*) as rows from ${table}`);
    return Number(row?.['rows']);
  }

  async ids(): Promise<Set<string>> {
    const rows = await this.#database.look(`select id from ${table}`);
    return new Set(rows.map(({ id }) => String(id)));
  }

  async first(limit: number): Promise<object[]> {
    const rows = await this.#database.look(`select * from ${table} order by id collate "C" limit $1`, [
      limit,
    ]);
    return rows.map((row) => fieldsOf(this.#layout, row));
  }

  async insert(record: Category): Promise<boolean> {
    const values = columns.map((name) => record[name]);
    const places = values.map((_, n) => `$${n + 1}`).join(', ');
    const sql = `insert into ${table} (${columns.join(', ')}) values (${places}) on conflict do nothing returning id`;
    return (await this.#database.change(sql, values)).length > 0;
  }

  /** A row that no record can be made of. */
  async insertNameless(): Promise<string> {
    for (let number = 1; ; number++) {
      const sql = `insert into ${table} (id, name) values ($1, $2) on conflict do nothing returning id`;
      const id = `poison-${number}`;
      const [isThere] = await this.#database.look(`select id from ${table} where id = $1`, [id]);
      if (!isThere && (await this.#database.change(sql, [id, null])).length > 0) return id;
    }
  }

  async update(id: string, fields: CategoryFields): Promise<object | undefined> {
    const given = columns.filter((name) => name !== 'id' && fields[name] !== undefined);
    const assignments = given.map((name, n) => `${name} = $${n + 2}`).join(', ');
    const values = [id, ...given.map((name) => fields[name as keyof CategoryFields])];
    const sql = `update ${table} set ${assignments} where id = $1 returning *`;
    const [row] = await this.#database.change(sql, values);
    return row && fieldsOf(this.#layout, row);
  }

  async delete(id: string): Promise<boolean> {
    const sql = `delete from ${table} where id = $1 returning id`;
    return (await this.#database.change(sql, [id])).length > 0;
  }
}

/**
 * The record of a row.
 *
 * @throws Error when it is none
 */
export function categoryOf(layout: CategoryLayout, row: TextRow): Category {
  const { name, ...fields } = fieldsOf(layout, row);
  if (name === null) throw new Error('A category needs a name.');
  return { ...fields, name };
}

/** As its layout stores it, be it a record or not. */
function fieldsOf(layout: CategoryLayout, row: TextRow) {
  const featured = row['featured'] === 't';
  const isHash = layout === 'hash';
  return {
    id: row['id'] ?? '',
    name: row['name'] ?? null,
    display_order: isHash ? (row['display_order'] ?? '') : Number(row['display_order']),
    featured: isHash ? String(featured) : featured,
    parent_id: row['parent_id'] ?? '',
  };
}
