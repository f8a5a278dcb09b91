import { setTimeout as pause } from 'node:timers/promises';
import type { RedisPrimary } from '../support/redis-primary.js';
import type { Model } from './model.js';
import { type Application, someId } from './application.js';
import type { Random } from './random.js';

/** One writer of a primary in Redis. */
export class ChangeMaker implements Application {
  readonly #model: Model;
  readonly #primary: RedisPrimary;
  readonly #random: Random;
  #last: Promise<void> = Promise.resolve();

  constructor(model: Model, primary: RedisPrimary, random: Random) {
    this.#model = model;
    this.#primary = primary;
    this.#random = random;
  }

  async fill(): Promise<void> {
    const ids = this.#model.ids.filter(() => this.#random.chance(0.8));
    await this.#primary.write(ids.map((id) => ({ op: 'upsert', record: this.#model.upsert(id) })));
  }

  async during(work: () => Promise<void>): Promise<void> {
    let isGoingOn = true;
    const changing = this.#run(() => isGoingOn);
    await work().finally(() => (isGoingOn = false));
    await changing;
  }

  change(count: number): Promise<void> {
    return this.#inOrder(() => {
      const ids = new Set(Array.from({ length: count }, () => someId(this.#random, this.#model.ids)));
      return this.#primary.write([...ids].flatMap((id) => this.#changeOf(id)));
    });
  }

  touch(id: string): Promise<void> {
    return this.#inOrder(() => this.#primary.write([{ op: 'upsert', record: this.#model.upsert(id) }]));
  }

  async poison(): Promise<void> {
    const id = someId(this.#random, this.#model.ids);
    const kinds: Readonly<Record<string, string>>[] = [
      { op: 'rename', id },
      { op: 'upsert', id, record: 'no JSON' },
      { op: 'upsert', id, record: JSON.stringify({ id, name: { of: 'the wrong type' }, version: '0' }) },
      {
        op: 'upsert',
        id: 'not:allowed',
        record: JSON.stringify({ id: 'not:allowed', name: '', version: '0' }),
      },
      { op: 'delete', id: '' },
    ];
    this.#model.changes++;
    await this.#primary.publishRaw(this.#random.pick(kinds));
  }

  async #run(isGoingOn: () => boolean): Promise<void> {
    while (isGoingOn()) {
      const random = this.#random;
      if (random.chance(0.001)) await this.#replaceAll();
      else await this.change(random.chance(0.002) ? random.integer(300, 1_500) : random.integer(1, 6));
      await pause(random.integer(1, 20));
    }
  }

  #changeOf(
    id: string,
  ): ({ op: 'upsert'; record: ReturnType<Model['upsert']> } | { op: 'delete'; id: string })[] {
    const random = this.#random;
    const { isPresent } = this.#model.latest(id);
    if (!isPresent && random.chance(0.5)) return [];
    if (!isPresent || random.chance(0.88)) return [{ op: 'upsert', record: this.#model.upsert(id) }];
    this.#model.delete(id);
    return [{ op: 'delete', id }];
  }

  #replaceAll(): Promise<void> {
    return this.#inOrder(() => {
      const remaining = this.#model.ids.filter(() => this.#random.chance(0.85));
      return this.#primary.truncate(this.#model.truncate(remaining));
    });
  }

  /** What is first in the model is first in the feed. */
  #inOrder(work: () => Promise<void>): Promise<void> {
    return (this.#last = this.#last.then(work));
  }
}
