import type { Client } from 'pg';
import { type Step, versionOfName } from '../model.js';

export interface Row {
  readonly id: string;
  readonly version: string;
  readonly name: string;
  readonly edition: string;
}

const columns = 'item.id, item.version, item.name, item.edition';

/** The rows of some ids, which nobody else changes until the transaction ends. */
export class Rows {
  readonly #client: Client;
  readonly #present = new Map<string, Row>();
  readonly #steps = new Map<string, Step>();
  /** Of the truncation: they may be seen before what came after it. */
  #absences: readonly Step[] = [];

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Waits for its turn with each of the ids, in their order: also with those of which there is no row to lock. */
  static async take(client: Client, ids: readonly string[] | 'all'): Promise<Rows> {
    const some = ids === 'all' ? '' : 'where id = any($1)';
    const values = ids === 'all' ? [] : [ids];
    const rows = new Rows(client);
    await client.query(`select id from turn ${some} order by id for update`, values);
    rows.#remember((await client.query<Row>(`select ${columns} from item ${some}`, values)).rows);
    return rows;
  }

  get present(): readonly Row[] {
    return [...this.#present.values()];
  }

  isPresent(id: string): boolean {
    return this.#present.has(id);
  }

  /** What became of the ids in the end, and what may be seen before. */
  get steps(): readonly Step[] {
    return [...this.#absences, ...this.#steps.values()];
  }

  insert(ids: readonly string[], versions: readonly number[], names: readonly string[]): Promise<void> {
    return this.#upsert(
      'insert into item (id, version, name) select * from unnest($1::text[], $2::bigint[], $3::text[])',
      [ids, versions, names],
    );
  }

  update(ids: readonly string[], versions: readonly number[], names: readonly string[]): Promise<void> {
    return this.#upsert(
      `update item set version = change.version, name = change.name
        from unnest($1::text[], $2::bigint[], $3::text[]) change (id, version, name) where item.id = change.id`,
      [ids, versions, names],
    );
  }

  /** Leaves the names as they are. */
  updateVersions(ids: readonly string[], versions: readonly number[]): Promise<void> {
    return this.#upsert(
      `update item set version = change.version
        from unnest($1::text[], $2::bigint[]) change (id, version) where item.id = change.id`,
      [ids, versions],
    );
  }

  async delete(ids: readonly string[], versions: readonly number[]): Promise<void> {
    await this.#client.query('delete from item where id = any($1)', [ids]);
    this.#gone(ids, versions);
  }

  /** Changes the key of a row. @param name undefined: it stays as it is */
  async move(
    from: string,
    to: string,
    versions: readonly [number, number],
    name: string | undefined,
  ): Promise<void> {
    const [gone, come] = versions;
    await this.#upsert('update item set id = $2, version = $3, name = coalesce($4, name) where id = $1', [
      from,
      to,
      come,
      name ?? null,
    ]);
    this.#gone([from], [gone]);
  }

  /** Writes, and takes that back alone. */
  async updateInVain(ids: readonly string[], versions: readonly number[]): Promise<void> {
    await this.#client.query('savepoint before');
    await this.#client.query(
      `update item set version = change.version from unnest($1::text[], $2::bigint[]) change (id, version)
        where item.id = change.id`,
      [ids, versions],
    );
    await this.#client.query('rollback to savepoint before');
  }

  async truncate(version: number): Promise<void> {
    await this.#client.query('truncate item');
    this.#absences = [...this.#present.keys()].map((id) => ({ id, version, isPresent: false }));
    this.#present.clear();
    this.#steps.clear();
  }

  /** All rows got another edition by one of the commands. */
  async renew(edition: number, commands: readonly string[]): Promise<void> {
    for (const command of commands) await this.#client.query(command);
    const { rows } = await this.#client.query<Row>(`select ${columns} from item`);
    for (const row of rows) this.#come(row, edition);
  }

  async #upsert(sql: string, values: unknown[]): Promise<void> {
    const { rows } = await this.#client.query<Row>(`${sql} returning ${columns}`, values);
    for (const row of rows) this.#come(row, Number(row.version));
  }

  #come(row: Row, version: number): void {
    const { id, name, edition } = row;
    this.#present.set(id, row);
    const parts = { version: Number(row.version), name: versionOfName(name), edition: Number(edition) };
    this.#steps.set(id, { id, version, isPresent: true, parts });
  }

  #gone(ids: readonly string[], versions: readonly number[]): void {
    ids.forEach((id, n) => {
      this.#present.delete(id);
      this.#steps.set(id, { id, version: versions[n]!, isPresent: false });
    });
  }

  #remember(rows: readonly Row[]): void {
    for (const row of rows) this.#present.set(row.id, row);
  }
}
