import type { Category, DatasetState, Layout } from './wire.js';

/** What the page knows of the dataset at this moment. */
export class Dataset {
  name = '';
  layout: Layout = 'JSON';
  ttlSeconds: number | undefined;
  primaryCount = 0;
  #records: ReadonlyMap<string, Category> = new Map();

  describe(facts: { dataset: string; layout: Layout; ttlSeconds: number }): void {
    this.name = facts.dataset;
    this.layout = facts.layout;
    this.ttlSeconds = facts.ttlSeconds;
  }

  learn(state: DatasetState, records: readonly Category[]): void {
    this.layout = state.layout;
    this.ttlSeconds = state.ttlSeconds;
    this.primaryCount = state.primaryCount;
    this.#records = new Map(records.map((record) => [record.id, record]));
  }

  record(id: string): Category | undefined {
    return this.#records.get(id);
  }
}
