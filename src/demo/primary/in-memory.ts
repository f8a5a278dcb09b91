import { MemoryPrimary } from '../../sources/memory/index.js';
import { type Category, type CategoryFields, type CategoryLayout, sampleCategories } from '../category.js';
import { firstIds } from '../first-ids.js';
import type { Primary } from './primary.js';

/** The categories in the memory of this process. */
export class InMemory implements Primary {
  readonly kind = 'memory';
  readonly source: MemoryPrimary<Category>;
  readonly #layout: CategoryLayout;

  constructor(layout: CategoryLayout, records: Iterable<Category>, readLatencyMs = 0) {
    this.#layout = layout;
    this.source = new MemoryPrimary({ records, readLatencyMs });
  }

  get reads(): number {
    return this.source.reads;
  }

  resetReads(): void {
    this.source.resetReads();
  }

  count(): Promise<number> {
    return Promise.resolve(this.source.size);
  }

  ids(): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set(this.source.ids()));
  }

  first(limit: number): Promise<Category[]> {
    const records = firstIds(this.source.ids(), limit).map((id) => this.source.peek(id));
    return Promise.resolve(records.filter((record) => record !== undefined));
  }

  add(record: Category): Promise<boolean> {
    return Promise.resolve(this.source.add(record));
  }

  update(id: string, fields: CategoryFields): Promise<Category | undefined> {
    return Promise.resolve(this.source.update(id, fields));
  }

  delete(id: string): Promise<boolean> {
    return Promise.resolve(this.source.delete(id));
  }

  poison(): Promise<string> {
    let number = 1;
    while (this.source.has(`poison-${number}`)) number++;
    const id = `poison-${number}`;
    const [sample] = sampleCategories(this.#layout);
    this.source.add({ ...sample, id, name: ['not', 'a text'] } as unknown as Category);
    return Promise.resolve(
      `The primary has a new record ${id}, whose name is a list: no schema here takes it.`,
    );
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
