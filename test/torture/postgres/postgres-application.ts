import { setTimeout as pause } from 'node:timers/promises';
import type { Application } from '../application.js';
import type { Model } from '../model.js';
import type { Random } from '../random.js';
import { Transactions } from './transactions.js';
import { Writer } from './writer.js';

const writersAtOnce = 4;

/** Several that write one table at the same time, and some that come now and then. */
export class PostgresApplication implements Application {
  readonly #random: Random;
  readonly #transactions: Transactions;
  readonly #closing = new AbortController();
  readonly #writers: readonly Writer[];
  readonly #guest: Writer;
  readonly #idler: Writer;

  constructor(url: string, model: Model, random: Random, hasFullIdentity: boolean) {
    const writer = () => new Writer(url, model, this.#closing.signal);
    this.#random = random;
    this.#transactions = new Transactions(model, random.fork(), hasFullIdentity);
    this.#writers = Array.from({ length: writersAtOnce }, writer);
    this.#guest = writer();
    this.#idler = writer();
  }

  fill(): Promise<void> {
    return this.#guest.certainly(this.#transactions.fill());
  }

  async during(work: () => Promise<void>): Promise<void> {
    let isGoingOn = true;
    const writing = Promise.all(this.#writers.map((writer) => this.#write(writer, () => isGoingOn)));
    const working = work().finally(() => (isGoingOn = false));
    await Promise.all([working, writing]);
  }

  /** Unless the server goes away meanwhile. */
  async change(count: number): Promise<void> {
    await this.#guest.transact(this.#transactions.change(count));
  }

  touch(id: string): Promise<void> {
    return this.#guest.certainly(this.#transactions.touch(id));
  }

  poison(): Promise<void> {
    return this.#guest.certainly(this.#transactions.poison());
  }

  truncate(): Promise<void> {
    return this.#guest.certainly(this.#transactions.truncate());
  }

  addColumn(): Promise<void> {
    return this.#guest.certainly(this.#transactions.addColumn());
  }

  recreateTable(): Promise<void> {
    return this.#guest.certainly(this.#transactions.recreate());
  }

  /** Leaves a transaction open for that long. */
  async idle(ms: number): Promise<void> {
    await this.#idler.transact(this.#transactions.idle(ms));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#writers, this.#guest, this.#idler].map((writer) => writer.close()));
  }

  async #write(writer: Writer, isGoingOn: () => boolean): Promise<void> {
    const random = this.#random;
    while (isGoingOn()) {
      const isLarge = random.chance(0.002);
      const count = isLarge ? random.integer(300, 1_500) : random.integer(1, 6);
      await writer.transact(this.#transactions.change(count));
      await pause(random.integer(5, 60));
    }
  }
}
