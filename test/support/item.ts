import { type Entity, Schema } from 'redis-om';
import type { PrefetchCache } from '../../src/index.js';

/** A record that is the same in both layouts. */
export interface Item extends Entity {
  id: string;
  name: string;
  version: string;
}

export type Layout = 'JSON' | 'HASH';

export const layouts: readonly Layout[] = ['JSON', 'HASH'];

export function itemSchema(prefix: string, dataStructure: Layout): Schema<Item> {
  const text = { type: 'string' } as const;
  return new Schema<Item>(prefix, { id: text, name: text, version: text }, { dataStructure });
}

export function item(id: string, version: number | string = 1): Item {
  return { id, name: `Item ${id}`, version: String(version) };
}

export function items(count: number, version: number | string = 1): Item[] {
  return Array.from({ length: count }, (_, i) => item(`item-${String(i).padStart(5, '0')}`, version));
}

/** Everything in the cache, by looking every record up that Redis lists: id → version. */
export async function versionsIn(cache: PrefetchCache<Item>): Promise<Record<string, string>> {
  const ids: string[] = [];
  for await (const id of cache.ids()) ids.push(id);
  const found = await cache.getMany(ids, { deadlineMs: 10_000 });
  if (found.outcome !== 'hit' && found.outcome !== 'miss') throw new Error(`It is ${found.outcome}.`);
  return versionsOf(found.records);
}

export function versionsOf(records: Iterable<Item>): Record<string, string> {
  return Object.fromEntries([...records].map(({ id, version }) => [id, version] as const).sort());
}
