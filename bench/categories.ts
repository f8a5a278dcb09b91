import { Schema } from 'redis-om';

export type Category = Record<'id' | 'name' | 'display_order' | 'featured' | 'parent_id', string>;

const text = { type: 'string' } as const;

const fields = { id: text, name: text, display_order: text, featured: text, parent_id: text };

/** The hash layout that the public guides use: five fields of text. */
export function hashSchema(name: string): Schema<Category> {
  return new Schema<Category>(name, fields, { dataStructure: 'HASH' });
}

export function jsonSchema(name: string): Schema<Category> {
  return new Schema<Category>(name, fields, { dataStructure: 'JSON' });
}

export function category(i: number): Category {
  return { id: `cat-${i}`, name: `Category ${i}`, display_order: String(i), featured: 'true', parent_id: '' };
}

export function* categories(count: number): Generator<Category> {
  for (let i = 0; i < count; i++) yield category(i);
}
