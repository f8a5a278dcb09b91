import type { Entity } from 'redis-om';
import type { Dataset } from './dataset.js';

/** What the arguments of one Redis command inside a script may hold. */
const maxFields = 3000;

/**
 * Says why a record cannot be stored such that reading it gives the same record again. Redis OM is strict about
 * declared fields and refuses those itself; what is here is what it would store with a loss, and silently.
 */
export function whyRefused<T extends Entity>(dataset: Dataset<T>, id: string, record: T): string | undefined {
  if (!isPlainObject(record)) return 'the record is not an object';
  if (!dataset.keys.isId(record['id'])) {
    return record['id'] === undefined
      ? 'the record has no id'
      : `the id ${quote(record['id'])} is not allowed`;
  }
  if (record['id'] !== id) return `the record's id ${quote(record['id'])} is not the change's ${quote(id)}`;
  const names = Object.keys(record).filter((name) => record[name] !== undefined);
  if (names.length < 2 && dataset.schema.fields.length > 1) return 'the record has no fields besides its id';
  if (names.length > maxFields) return `the record has more than ${maxFields} fields`;
  const whyLost = dataset.schema.dataStructure === 'HASH' ? whyLostInHash : whyLostInDocument;
  for (const name of names) {
    if (name === '__proto__') return 'a field named __proto__ is not allowed';
    const reason = whyLost(dataset, name, record[name]);
    if (reason) return reason;
  }
  return undefined;
}

function whyLostInHash<T extends Entity>(
  { schema }: Dataset<T>,
  name: string,
  value: unknown,
): string | undefined {
  const field = schema.fieldByName(name as never);
  if (!field) {
    if (typeof value === 'string' || value === null) return undefined;
    return `the field ${quote(name)} is not in the schema, and a hash would give it back as text`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return notFinite(name);
  if (field.type === 'string[]' && Array.isArray(value)) {
    if (value.some((item) => typeof item !== 'string' || item.includes(field.separator))) {
      return `the list ${quote(name)} holds something other than text, or the separator ${quote(field.separator)}`;
    }
    if (value.length === 1 && value[0] === '') return `the list ${quote(name)} holds one empty text only`;
  }
  return undefined;
}

function whyLostInDocument<T extends Entity>(
  { schema }: Dataset<T>,
  name: string,
  value: unknown,
): string | undefined {
  const type = schema.fieldByName(name as never)?.type;
  if (type === 'date' || type === 'point') return undefined;
  const datesInside = schema.fields.some(
    (field) => field.type === 'date' && field.jsonPath !== `$.${field.name}`,
  );
  return whyNotJson(name, value, datesInside);
}

function whyNotJson(name: string, value: unknown, datesAllowed: boolean): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : notFinite(name);
    case 'object':
      break;
    default:
      return `the field ${quote(name)} holds a ${typeof value}`;
  }
  if (value === null) return undefined;
  if (value instanceof Date) {
    return datesAllowed
      ? undefined
      : `the field ${quote(name)} holds a Date that the schema does not declare`;
  }
  if (!Array.isArray(value) && !isPlainObject(value)) {
    return `the field ${quote(name)} holds a ${value.constructor.name}`;
  }
  for (const [key, inner] of Object.entries(value)) {
    const reason = whyNotJson(`${name}.${key}`, inner, datesAllowed);
    if (reason) return reason;
  }
  return undefined;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function notFinite(name: string): string {
  return `the field ${quote(name)} is not a finite number`;
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
}
