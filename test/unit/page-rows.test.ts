import { joinRows } from '../../src/demo/page/dataset-rows.js';
import type { Category, DatasetState } from '../../src/demo/page/wire.js';

const category = (id: string): Category => ({
  id,
  name: id,
  display_order: 1,
  featured: false,
  parent_id: '',
});

function stateOf(lists: Partial<DatasetState>): DatasetState {
  const { cacheIds = [], primaryIds = [], missing = [], orphaned = [] } = lists;
  return {
    ...{ cacheIds, primaryIds, missing, orphaned },
    cacheCount: cacheIds.length,
    primaryCount: primaryIds.length,
    missingCount: missing.length,
    orphanedCount: orphaned.length,
    ...{ truncated: false, layout: 'JSON', ttlSeconds: 60 },
    ...lists,
  };
}

const presences = (state: DatasetState, records: Category[] = []) =>
  joinRows(state, records).map(({ id, presence }) => `${id} ${presence}`);

describe('the rows of the page', () => {
  it('are those of the primary, then what only the cache has', () => {
    const state = stateOf({
      primaryIds: ['a', 'b', 'c'],
      cacheIds: ['a', 'c', 'x'],
      missing: ['b'],
      orphaned: ['x'],
    });
    const rows = joinRows(state, ['a', 'b', 'c'].map(category));
    expect(rows).toEqual([
      { id: 'a', presence: 'cached', record: category('a') },
      { id: 'b', presence: 'missing', record: category('b') },
      { id: 'c', presence: 'cached', record: category('c') },
      { id: 'x', presence: 'orphaned' },
    ]);
  });

  it('take what is not known to be missing for cached, though the list of cached ids ends before', () => {
    const state = stateOf({ primaryIds: ['a', 'b'], cacheIds: ['0'], orphaned: ['0'], cacheCount: 3 });
    expect(presences(state)).toEqual(['a cached', 'b cached', '0 orphaned']);
  });

  it('leave open what the capped lists do not tell', () => {
    const lists = { primaryIds: ['a', 'b', 'c'], cacheIds: ['a'], missing: ['b'], missingCount: 9 };
    expect(presences(stateOf(lists))).toEqual(['a cached', 'b missing', 'c unknown']);
  });

  it('show missing records that are not among the first of the primary', () => {
    const state = stateOf({ primaryIds: ['a'], cacheIds: ['a'], missing: ['z'], primaryCount: 26 });
    expect(presences(state, [category('a')])).toEqual(['a cached', 'z missing']);
  });
});
