import fc from 'fast-check';
import { type Entity, type Point, type SchemaDefinition, Schema } from 'redis-om';
import type { Layout } from './item.js';

/** A record with a field of every type that Redis OM has. */
export interface Everything extends Entity {
  id: string;
  title?: string | null;
  prose?: string | null;
  price?: number | null;
  isOpen?: boolean | null;
  since?: Date | null;
  place?: Point | null;
  tags?: string[];
  sizes?: number[];
  note?: string;
}

const definition = {
  id: { type: 'string' },
  title: { type: 'string' },
  prose: { type: 'text' },
  price: { type: 'number' },
  isOpen: { type: 'boolean' },
  since: { type: 'date' },
  place: { type: 'point' },
  tags: { type: 'string[]' },
} satisfies SchemaDefinition;

/** `note` is not declared, and `sizes` only where a list of numbers can be. */
export function everythingSchema(prefix: string, layout: Layout): Schema<Everything> {
  const fields = layout === 'JSON' ? { ...definition, sizes: { type: 'number[]' as const } } : definition;
  return new Schema<Everything>(prefix, fields, { dataStructure: layout });
}

export const everything: Everything = {
  id: 'all-1',
  title: 'Fürst-Pückler "Eis" 🍨',
  prose: 'Zwei\nZeilen,\ttab, \\ und |',
  price: -12.5e-9,
  isOpen: true,
  since: new Date('2024-02-29T23:59:59.999Z'),
  place: { longitude: -0.1278, latitude: 51.5074 },
  tags: ['kalt', 'süß', ''],
  note: 'undeclared',
};

const text = fc.string({ unit: 'binary', maxLength: 40 });
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0); // no -0
const coordinate = (limit: number) =>
  fc
    .integer({ min: -limit * 1e6, max: limit * 1e6 })
    .map((millionths) => Number((millionths / 1e6).toFixed(6)) + 0);

const values = {
  title: text,
  prose: text,
  price: number,
  isOpen: fc.boolean(),
  since: fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  place: fc.record({ longitude: coordinate(180), latitude: coordinate(85) }),
  note: text,
};

/** Records with any of the fields, of any value that both layouts can hold. */
export function anyEverything(layout: Layout): fc.Arbitrary<Everything> {
  const separable = text.filter((item) => !item.includes('|'));
  const id = fc.uuid();
  // A hash does not know an absent list from an empty one: Redis OM gives [] back for both.
  if (layout === 'HASH') {
    return fc.record({ id, tags: fc.array(separable), ...values }, { requiredKeys: ['id', 'tags', 'title'] });
  }
  return fc.record(
    { id, tags: fc.array(text), sizes: fc.array(number), ...values, ...nullable(values) },
    { requiredKeys: ['id', 'title'] },
  );
}

function nullable({ title, prose, price, isOpen, since, place }: typeof values) {
  return {
    title: fc.option(title),
    prose: fc.option(prose),
    price: fc.option(price),
    isOpen: fc.option(isOpen),
    since: fc.option(since),
    place: fc.option(place),
  };
}
