import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxNames } from './outbox-names.js';
import { boundsOf, byIndex, rowsIn } from './outbox-reader.js';
import { forget } from './outbox-state.js';
import type { Position } from './position.js';
import { SeqSet } from './seq-set.js';

const rowsPerStep = 10_000;

type Ask = <T>(work: (client: PgClient) => Promise<T>) => Promise<T>;

/** Deletes from the outbox, in steps that take no long time. */
export class Sweep {
  readonly #ask: Ask;
  readonly #names: OutboxNames;
  readonly #reader: string;
  /** All up to here are deleted: nobody need pass over them again. */
  #swept = 0;

  constructor(ask: Ask, names: OutboxNames, reader: string) {
    this.#ask = ask;
    this.#names = names;
    this.#reader = reader;
  }

  /** False when somebody else has taken over the outbox, or has come further. */
  async delete(position: Position): Promise<boolean> {
    const rows = position.applied.without(SeqSet.upTo(this.#swept));
    for (;;) {
      const deleted = await this.#ask((client) => this.#step(client, position, rows));
      if (deleted === undefined) return false;
      if (deleted >= rowsPerStep) continue;
      this.#swept = Math.max(this.#swept, position.applied.floor);
      return true;
    }
  }

  async #step(client: PgClient, position: Position, rows: SeqSet): Promise<number | undefined> {
    await client.query(`begin; ${byIndex('set local')}`);
    try {
      const isOurs = await forget(client, this.#names, this.#reader, position);
      const deleted = isOurs ? await this.#deleteFrom(client, rows) : undefined;
      await client.query('commit');
      return deleted;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  async #deleteFrom(client: PgClient, rows: SeqSet): Promise<number> {
    const outbox = quoteTable(this.#names.outbox);
    const result = await client.query(
      `with deleted as (
        delete from ${outbox} where seq = any (array(
          select row.seq from ${rowsIn(outbox, 'o.seq', 'order by o.seq limit $3')} limit $3))
        returning 1)
      select count(*) as deleted from deleted`,
      [...boundsOf(rows), rowsPerStep],
    );
    return Number(result.rows[0]?.['deleted']);
  }
}
