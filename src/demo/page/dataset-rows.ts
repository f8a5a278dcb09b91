import type { Category, DatasetState } from './wire.js';

export type Presence = 'cached' | 'missing' | 'orphaned' | 'unknown';

export interface DatasetRow {
  id: string;
  presence: Presence;
  record?: Category;
}

export function joinRows(state: DatasetState, records: readonly Category[]): DatasetRow[] {
  const recordOf = new Map(records.map((record) => [record.id, record]));
  const cached = new Set(state.cacheIds);
  const missing = new Set(state.missing);
  const orphaned = new Set(state.orphaned);
  const allMissingKnown = missing.size === state.missingCount;

  const presenceOf = (id: string): Presence => {
    if (orphaned.has(id)) return 'orphaned';
    if (missing.has(id)) return 'missing';
    // Both lists are capped and in different orders: absence from the cache's page alone says nothing.
    return allMissingKnown || cached.has(id) ? 'cached' : 'unknown';
  };

  const ids = new Set([...state.primaryIds, ...recordOf.keys(), ...state.missing, ...state.orphaned]);
  return [...ids].map((id) => {
    const record = recordOf.get(id);
    const presence = presenceOf(id);
    return record && presence !== 'orphaned' ? { id, presence, record } : { id, presence };
  });
}
