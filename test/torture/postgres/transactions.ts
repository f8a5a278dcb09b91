import { setTimeout as pause } from 'node:timers/promises';
import { someIds } from '../application.js';
import { type Model, nameAt } from '../model.js';
import type { Random } from '../random.js';
import { Rows } from './rows.js';
import type { Work } from './writer.js';

const smallest = 20;
const longestWait = `set local lock_timeout = '1s'`;

/** What the application does with the table. */
export class Transactions {
  readonly #model: Model;
  readonly #random: Random;
  /** Also what did not change is in the log. */
  readonly #hasFullIdentity: boolean;
  #poisoned = 0;

  constructor(model: Model, random: Random, hasFullIdentity: boolean) {
    this.#model = model;
    this.#random = random;
    this.#hasFullIdentity = hasFullIdentity;
  }

  fill(): Work {
    const ids = this.#model.ids.filter(() => this.#random.chance(0.8));
    return async (client) => {
      const rows = await Rows.take(client, ids);
      await this.#insert(rows, ids);
      return rows.steps;
    };
  }

  /** Changes of all kinds, to so many ids at most. */
  change(count: number): Work {
    const ids = someIds(this.#random, this.#model.ids, count);
    return async (client) => {
      const rows = await Rows.take(client, ids);
      if (ids.length < smallest) for (const id of ids) await this.#changeOne(rows, id, ids);
      else await this.#changeMany(rows, ids);
      return this.#random.chance(0.05) ? undefined : rows.steps;
    };
  }

  touch(id: string): Work {
    return async (client) => {
      const rows = await Rows.take(client, [id]);
      await (rows.isPresent(id) ? this.#update(rows, [id]) : this.#insert(rows, [id]));
      return rows.steps;
    };
  }

  /** Others have to wait for it, and so has every load that begins meanwhile. */
  idle(ms: number): Work {
    const id = this.#random.pick(this.#model.ids);
    return async (client) => {
      const steps = await this.touch(id)(client);
      await pause(ms);
      return steps;
    };
  }

  truncate(): Work {
    const remaining = this.#model.ids.filter(() => this.#random.chance(0.85));
    return async (client) => {
      await client.query(longestWait);
      const rows = await Rows.take(client, 'all');
      await rows.truncate(this.#model.nextVersion());
      await this.#insert(rows, remaining);
      return rows.steps;
    };
  }

  /** A column with a default changes every record, and no change is sent. */
  addColumn(): Work {
    return this.#renew((edition) => [
      `alter table item drop column edition, add column edition text not null default '${edition}'`,
    ]);
  }

  /** The same table once more, which no publication knows. */
  recreate(): Work {
    const identity = this.#hasFullIdentity ? 'full' : 'default';
    return this.#renew((edition) => [
      'create table fresh (like item including all)',
      `alter table fresh alter column edition set default '${edition}'`,
      `alter table fresh replica identity ${identity}`,
      'insert into fresh (id, version, name) select id, version, name from item',
      'drop table item',
      'alter table fresh rename to item',
    ]);
  }

  /** A row that cannot be a record. */
  poison(): Work {
    return async (client) => {
      const id = `not:allowed:${++this.#poisoned}`;
      await client.query(`insert into item (id, version, name) values ($1, 0, '')`, [id]);
      return [{ id, version: this.#model.nextVersion(), isPresent: true }];
    };
  }

  #renew(commandsFor: (edition: number) => readonly string[]): Work {
    return async (client) => {
      await client.query(longestWait);
      const rows = await Rows.take(client, 'all');
      const edition = this.#model.nextVersion();
      await rows.renew(edition, commandsFor(edition));
      return rows.steps;
    };
  }

  async #changeOne(rows: Rows, id: string, ids: readonly string[]): Promise<void> {
    const random = this.#random;
    if (!rows.isPresent(id)) {
      if (random.chance(0.5)) await this.#insert(rows, [id]);
      return;
    }
    const free = ids.filter((other) => !rows.isPresent(other));
    if (random.chance(0.05)) await rows.updateInVain([id], this.#versions([id]));
    if (random.chance(0.05)) await this.#update(rows, [id]); // and then again
    if (free.length > 0 && random.chance(0.3)) return this.#move(rows, id, random.pick(free));
    if (random.chance(0.1)) {
      await rows.delete([id], this.#versions([id]));
      if (random.chance(0.2)) await this.#insert(rows, [id]);
    } else if (random.chance(0.4)) await rows.updateVersions([id], this.#versions([id]));
    else await this.#update(rows, [id]);
  }

  /** Each of them once: what is large is seen in parts, and a part may be seen again. */
  async #changeMany(rows: Rows, ids: readonly string[]): Promise<void> {
    const random = this.#random;
    const [present, free] = [ids.filter((id) => rows.isPresent(id)), ids.filter((id) => !rows.isPresent(id))];
    const moved = random.shuffled(present).slice(0, Math.min(10, free.length));
    const rest = present.filter((id) => !moved.includes(id));
    const deleted = rest.filter(() => random.chance(0.08));
    const updated = rest.filter((id) => !deleted.includes(id));
    const half = Math.floor(updated.length / 2);
    const work = [
      () => this.#update(rows, updated.slice(0, half)),
      () => rows.updateVersions(updated.slice(half), this.#versions(updated.slice(half))),
      () => rows.delete(deleted, this.#versions(deleted)),
      () => this.#insert(rows, free.slice(moved.length)),
      ...moved.map((id, n) => () => this.#move(rows, id, free[n]!)),
    ];
    for (const step of random.shuffled(work)) await step();
  }

  async #move(rows: Rows, from: string, to: string): Promise<void> {
    const [gone, come] = [this.#model.nextVersion(), this.#model.nextVersion()];
    const keepsName = this.#hasFullIdentity && this.#random.chance(0.5);
    await rows.move(from, to, [gone, come], keepsName ? undefined : nameAt(come));
  }

  #insert(rows: Rows, ids: readonly string[]): Promise<void> {
    const versions = this.#versions(ids);
    return rows.insert(ids, versions, versions.map(nameAt));
  }

  #update(rows: Rows, ids: readonly string[]): Promise<void> {
    const versions = this.#versions(ids);
    return rows.update(ids, versions, versions.map(nameAt));
  }

  #versions(ids: readonly string[]): number[] {
    return ids.map(() => this.#model.nextVersion());
  }
}
