import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Model, Step } from '../model.js';

/** What a transaction makes of records, if it is committed; undefined when it is to be taken back. */
export type Work = (client: pg.Client) => Promise<readonly Step[] | undefined>;

/** What may happen to any statement while a server is killed, takes over, or somebody else waits for too long. */
const expected = /^(08...|57P0[1234]|25006|40001|40P01|55P03|53300)$/;

let tokens = 0;

/** A connection of the application, on which one transaction comes after the other. */
export class Writer {
  readonly #url: string;
  readonly #model: Model;
  readonly #signal: AbortSignal;
  #client: pg.Client | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: string, model: Model, signal: AbortSignal) {
    this.#url = url;
    this.#model = model;
    this.#signal = signal;
  }

  /** Says whether it was committed, also when the answer to that was lost. */
  transact(work: Work): Promise<boolean> {
    const transaction = this.#last.then(() => this.#transact(work));
    this.#last = transaction.catch(() => undefined);
    return transaction;
  }

  /** Again and again until it is committed. */
  async certainly(work: Work): Promise<void> {
    while (!(await this.transact(work))) await pause(20, undefined, { signal: this.#signal });
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#client?.end().catch(() => undefined);
  }

  async #transact(work: Work): Promise<boolean> {
    const client = await this.#connected();
    const token = ++tokens;
    let settle: ((hasComeToBe: boolean) => void) | undefined;
    try {
      await client.query('begin');
      await client.query(`insert into outcome values ($1, 'committed')`, [token]);
      const steps = await work(client);
      if (steps === undefined) {
        await client.query('rollback');
        return false;
      }
      settle = this.#model.propose(steps);
      await client.query('commit');
      settle(true);
      return true;
    } catch (error) {
      this.#discard(client);
      if (!isExpected(error)) throw error;
      if (!settle) return false;
      const hasComeToBe = await this.#wasCommitted(token);
      settle(hasComeToBe);
      return hasComeToBe;
    }
  }

  /**
   * Waits for the transaction if it still runs, and if it was not committed sees to it that it never will be. Asked
   * with a row of its own: the number of a transaction that was lost in a crash is given to another one.
   */
  async #wasCommitted(token: number): Promise<boolean> {
    for (;;) {
      const client = await this.#connected();
      try {
        const { rows } = await client.query<{ outcome: string }>(
          `insert into outcome values ($1, 'lost') on conflict (token) do update set token = excluded.token
           returning outcome`,
          [token],
        );
        return rows[0]?.outcome === 'committed';
      } catch (error) {
        this.#discard(client);
        if (!isExpected(error)) throw error;
      }
    }
  }

  async #connected(): Promise<pg.Client> {
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#client) return this.#client;
      const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: 3_000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        this.#client = client;
      } catch {
        await pause(30, undefined, { signal: this.#signal });
      }
    }
  }

  #discard(client: pg.Client): void {
    this.#client = undefined;
    client.end().catch(() => undefined);
  }
}

function isExpected(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || expected.test(error.code ?? '');
}
