import type { Entity, Field } from 'redis-om';
import { isAtTop } from '../redis/om-connection.js';
import type { Dataset } from './dataset.js';

/** What the arguments of one Redis command inside a script may hold. */
const maxFields = 3000;
/** As deep as RedisJSON goes; also what ends a record that holds itself. */
const maxDepth = 128;
/** Half of a surrogate pair, which UTF-8 cannot hold. */
const halfCharacter = /\p{Cs}/u;

/**
 * Says why a record cannot be stored such that reading it gives the same record again. Redis OM is strict about
 * declared fields and refuses those itself; what is here is what it would store with a loss, and silently.
 */
export function whyRefused<T extends Entity>(dataset: Dataset<T>, id: string, record: T): string | undefined {
  if (!isPlainObject(record)) return 'the record is not a plain object';
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
  if (typeof value === 'string' && halfCharacter.test(value)) return notText(name);
  const field = schema.fieldByName(name as never);
  if (!field) {
    if (schema.fields.some(({ hashField }) => hashField === name)) {
      return `the field ${quote(name)} has the name under which another field is stored`;
    }
    if (typeof value === 'string' || value === null) return undefined;
    return `the field ${quote(name)} is not in the schema, and a hash would give it back as text`;
  }
  if (field.type === 'date') return whyNotDate(name, value);
  if (field.type === 'point') return whyNotPoint(name, value);
  if (typeof value === 'number' && !Number.isFinite(value)) return notFinite(name);
  if (field.type === 'string[]' && Array.isArray(value)) return whyNotSeparable(name, value, field.separator);
  return undefined;
}

/** In a hash a list is one text, which must fall into the same parts again. */
function whyNotSeparable(name: string, list: readonly unknown[], separator: string): string | undefined {
  if (list.length === 0) return undefined;
  const parts = list.join(separator).split(separator);
  if (parts.length !== list.length || parts.some((part, i) => part !== list[i])) {
    return `the list ${quote(name)} holds something other than text, or the separator ${quote(separator)}`;
  }
  return parts.some((part) => halfCharacter.test(part)) ? notText(name) : undefined;
}

function whyLostInDocument<T extends Entity>(
  { schema }: Dataset<T>,
  name: string,
  value: unknown,
): string | undefined {
  const field = schema.fieldByName(name as never);
  if (field && isSpecial(field) && isAtTop(field)) {
    if (field.type === 'date') return whyNotDate(name, value);
    if (field.type === 'point') return whyNotPoint(name, value);
    if (value !== null && !Array.isArray(value)) return `the field ${quote(name)} is not a list`;
  }
  const isObject = typeof value === 'object';
  return whyNotJson(name, value, isObject && schema.fields.some((other) => isDateInside(other)));
}

/** False also for what Redis OM finds for `constructor`, which is no field. */
function isSpecial({ type }: Field): boolean {
  return type === 'date' || type === 'point' || type === 'string[]' || type === 'number[]';
}

function isDateInside(field: Field): boolean {
  return field.type === 'date' && !isAtTop(field);
}

function whyNotJson(name: string, value: unknown, datesAllowed: boolean, depth = 1): string | undefined {
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
      ? whyNotDate(name, value)
      : `the field ${quote(name)} holds a Date that the schema does not declare`;
  }
  if (Array.isArray(value)) {
    if (value.includes(undefined)) return `the list ${quote(name)} has gaps`;
  } else if (!isPlainObject(value)) {
    return `the field ${quote(name)} holds a ${value.constructor.name}`;
  }
  if (depth === maxDepth) return `the record is more than ${maxDepth} levels deep, or holds itself`;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') return 'a field named __proto__ is not allowed';
    const reason = whyNotJson(`${name}.${key}`, inner, datesAllowed, depth + 1);
    if (reason) return reason;
  }
  return undefined;
}

function whyNotDate(name: string, value: unknown): string | undefined {
  const ms = typeof value === 'number' ? value * 1000 : value; // a number is seconds since 1970
  if (typeof ms !== 'number' && !(ms instanceof Date)) return undefined;
  return Number.isNaN(new Date(ms).getTime()) ? `the field ${quote(name)} is not a valid date` : undefined;
}

/** Redis OM writes 1e-7 as it is here, and cannot read that again. */
function whyNotPoint(name: string, value: unknown): string | undefined {
  const { longitude, latitude } = (value ?? {}) as { longitude?: unknown; latitude?: unknown };
  if (!`${String(longitude)}${String(latitude)}`.includes('e-')) return undefined;
  return `the point ${quote(name)} is too close to 0 for Redis OM; round it to 6 digits`;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function notFinite(name: string): string {
  return `the field ${quote(name)} is not a finite number`;
}

function notText(name: string): string {
  return `the field ${quote(name)} holds half a character`;
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
}
