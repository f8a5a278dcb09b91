import { type Entity, Schema } from 'redis-om';
import type { Layout } from './item.js';

export interface Category extends Entity {
  id: string;
  name: string;
  display_order: number;
  featured: boolean;
  parent_id: string;
}

/** Numbers and booleans declared as such. */
export function categorySchema(prefix: string, dataStructure: Layout): Schema<Category> {
  return new Schema<Category>(
    prefix,
    {
      id: { type: 'string' },
      name: { type: 'text' },
      display_order: { type: 'number' },
      featured: { type: 'boolean' },
      parent_id: { type: 'string' },
    },
    { dataStructure },
  );
}

export function category(id: string, fields: Partial<Category> = {}): Category {
  return { id, name: `Category ${id}`, display_order: 1, featured: false, parent_id: '', ...fields };
}

export const beverages = category('cat-001', { name: 'Beverages', featured: true });

export const categories: readonly Category[] = [
  beverages,
  category('cat-002', { name: 'Dairy', display_order: 2, featured: true }),
  category('cat-003', { name: 'Bakery', display_order: 3 }),
  category('cat-004', { name: 'Produce', display_order: 4 }),
  category('cat-005', { name: 'Specialty Cheeses', display_order: 5, parent_id: 'cat-002' }),
];

/** That many, made one by one as they are asked for. */
export function* manyCategories(count: number, fields: Partial<Category> = {}): Generator<Category> {
  for (let i = 0; i < count; i++) yield category(`cat-${String(i).padStart(6, '0')}`, fields);
}
