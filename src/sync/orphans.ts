import type { Entity } from 'redis-om';
import type { Cause } from '../cache/journal.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { IdSet } from './id-set.js';

export interface OrphansContext<T extends Entity> {
  readonly repository: SyncRepository<T>;
  readonly signal: AbortSignal;
  /** Runs a write when no other is running. */
  readonly write: <R>(work: () => Promise<R>) => Promise<R>;
  /** True for what the primary has, or may have. Asked again right before anything is removed. */
  readonly isKept: (id: string) => boolean;
}

/** How many records are there, orphans included. */
export async function countRecords<T extends Entity>(
  { repository, signal }: Pick<OrphansContext<T>, 'repository' | 'signal'>,
  onId: (id: string) => void = () => undefined,
): Promise<number> {
  let count = 0;
  for await (const ids of repository.idPages()) {
    signal.throwIfAborted();
    count += ids.length;
    for (const id of ids) onId(id);
  }
  return count;
}

/** Records that the primary does not have. They are counted before any is removed. */
export class Orphans<T extends Entity> {
  readonly #context: OrphansContext<T>;

  constructor(context: OrphansContext<T>) {
    this.#context = context;
  }

  /** How many there are, among how many records, and the first of them. */
  async count(examplesKept = 0): Promise<{ orphans: number; present: number; examples: string[] }> {
    return this.#patiently(async () => {
      const found = new IdSet(); // a scan can give an id twice
      const examples: string[] = [];
      const present = await countRecords(this.#context, (id) => {
        if (this.#context.isKept(id) || found.has(id)) return;
        found.add(id);
        if (examples.length < examplesKept) examples.push(id);
      });
      return { orphans: found.size, present, examples };
    });
  }

  /** Returns how many were removed. */
  async remove(cause: Cause, position: string): Promise<number> {
    const { repository, signal, write, isKept } = this.#context;
    let removed = 0;
    await this.#patiently(async () => {
      for await (const ids of repository.idPages()) {
        if (ids.every(isKept)) continue;
        removed += await write(() => {
          signal.throwIfAborted();
          const orphans = ids.filter((id) => !isKept(id));
          return repository.remove(orphans, cause, position);
        });
      }
    });
    return removed;
  }

  /** From the beginning when a page could not be had. */
  #patiently<R>(work: () => Promise<R>): Promise<R> {
    return this.#context.repository.access.writer.patiently(work);
  }
}
