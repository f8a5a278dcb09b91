import { type Entity, Schema } from 'redis-om';

/** Everything is text in the hash layout; order and flag keep their types in the JSON layout. */
export interface Category extends Entity {
  id: string;
  name: string;
  display_order: number | string;
  featured: boolean | string;
  parent_id: string;
}

export type CategoryFields = Partial<Omit<Category, 'id'>>;

export type CategoryLayout = 'json' | 'hash';

export function categorySchema(prefix: string, layout: CategoryLayout): Schema<Category> {
  const isHash = layout === 'hash';
  return new Schema<Category>(
    prefix,
    {
      id: { type: 'string' },
      name: { type: 'string' },
      display_order: { type: isHash ? 'string' : 'number' },
      featured: { type: isHash ? 'string' : 'boolean' },
      parent_id: { type: 'string' },
    },
    { dataStructure: isHash ? 'HASH' : 'JSON' },
  );
}

/** The record as its layout stores it. */
function categoryIn(
  layout: CategoryLayout,
  id: string,
  name: string,
  displayOrder: number,
  featured: boolean,
  parentId: string,
): Category {
  return {
    id,
    name,
    display_order: layout === 'hash' ? String(displayOrder) : displayOrder,
    featured: layout === 'hash' ? String(featured) : featured,
    parent_id: parentId,
  };
}

export function sampleCategories(layout: CategoryLayout): Category[] {
  return [
    categoryIn(layout, 'cat-001', 'Beverages', 1, true, ''),
    categoryIn(layout, 'cat-002', 'Bakery', 2, true, ''),
    categoryIn(layout, 'cat-003', 'Pantry Staples', 3, false, ''),
    categoryIn(layout, 'cat-004', 'Frozen', 4, false, ''),
    categoryIn(layout, 'cat-005', 'Specialty Cheeses', 5, false, 'cat-002'),
  ];
}

export function* generatedCategories(layout: CategoryLayout, count: number): Generator<Category> {
  const digits = Math.max(6, String(count).length);
  for (let order = 1; order <= count; order++) {
    const number = String(order).padStart(digits, '0');
    yield categoryIn(layout, `cat-${number}`, `Category ${number}`, order, order % 10 === 1, '');
  }
}
