import type { Change } from '../../src/index.js';
import { TouchedIds } from '../../src/sync/touched-ids.js';

let touched: TouchedIds;

beforeEach(() => {
  touched = new TouchedIds((a, b) => Number(a) - Number(b));
});

function remember(position: number, ...changes: Change<{ id: string }>[]): void {
  touched.remember({ changes, position: String(position), complete: true });
}

function upsert(id: string): Change<{ id: string }> {
  return { op: 'upsert', id, record: { id } };
}

const truncate = { op: 'truncate' } as const;

describe('ids that came before the snapshot was there', () => {
  it('count when their last change was after it', () => {
    remember(10, upsert('old'), upsert('both'));
    remember(30, upsert('both'), { op: 'delete', id: 'deleted' });
    expect(touched.has('both')).toBe(false);
    touched.settle('20');
    expect(['old', 'both', 'deleted', 'other'].map((id) => touched.has(id))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('do not count when their change is the last one that the snapshot holds', () => {
    remember(20, upsert('a'));
    touched.settle('20');
    expect(touched.has('a')).toBe(false);
    expect(touched.overtakes('a')).toBe(false);
  });
});

describe('ids that come after the snapshot was there', () => {
  it('count when their change is after it', () => {
    touched.settle('20');
    remember(15, upsert('before'));
    remember(20, upsert('at'));
    remember(21, upsert('after'));
    expect(['before', 'at', 'after'].map((id) => touched.has(id))).toEqual([false, false, true]);
  });

  it('go on counting when an older change to them comes late', () => {
    touched.settle('20');
    remember(21, upsert('a'));
    remember(15, upsert('a'));
    expect(touched.has('a')).toBe(true);
  });
});

describe('a truncate', () => {
  it.each([
    ['before the snapshot is known and after it', 25, true],
    ['before the snapshot is known and in it', 20, false],
  ])('that comes %s', (_, position, overtakes) => {
    remember(position, truncate);
    expect(touched.isAll).toBe(false);
    touched.settle('20');
    expect(touched.isAll).toBe(overtakes);
    expect(touched.overtakes('anything')).toBe(overtakes);
  });

  it('overtakes every row, but touched no id of its own', () => {
    touched.settle('20');
    remember(19, truncate);
    expect(touched.overtakes('a')).toBe(false);
    remember(25, truncate, upsert('b'));
    expect(touched.overtakes('a')).toBe(true);
    expect(touched.has('a')).toBe(false);
    expect(touched.has('b')).toBe(true);
  });

  it('is not forgotten because an older one comes late', () => {
    touched.settle('20');
    remember(25, truncate);
    remember(15, truncate);
    expect(touched.isAll).toBe(true);
  });
});

it('can be forgotten, and the position stays', () => {
  touched.settle('20');
  remember(25, { op: 'delete', id: 'a' });
  touched.forget();
  expect(touched.has('a')).toBe(false);
  expect(touched.isAfterSnapshot('21')).toBe(true);
});

it('has nothing to say of changes that concern no record', () => {
  remember(25, { op: 'invalid', raw: {}, reason: 'unreadable' });
  touched.settle('20');
  remember(26, { op: 'invalid', raw: {}, reason: 'unreadable' });
  expect(touched.isAll).toBe(false);
  expect(touched.isAfterSnapshot('20')).toBe(false);
  expect(touched.isAfterSnapshot('21')).toBe(true);
});
