import { BadRequestError } from './bad-request.js';
import type { Category, CategoryFields, CategoryLayout } from './category.js';

const fieldNames = ['name', 'display_order', 'featured', 'parent_id'] as const;
const id = /^[^\s\p{Cc}\p{Cs}:{}]{1,256}$/u;
const text = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** @throws BadRequestError */
export function readNewCategory(body: unknown, layout: CategoryLayout): Category {
  const given = objectWith(body, ['id', ...fieldNames]);
  if (given['id'] === undefined) throw new BadRequestError('A category needs an `id`.');
  if (given['name'] === undefined) throw new BadRequestError('A category needs a `name`.');
  return {
    id: matching(given, 'id', id, '1 to 256 characters without white space, `:`, `{` and `}`'),
    name: nameIn(given),
    display_order: displayOrderIn({ display_order: 0, ...given }, layout),
    featured: featuredIn({ featured: false, ...given }, layout),
    parent_id: parentIdIn({ parent_id: '', ...given }),
  };
}

/** @throws BadRequestError */
export function readCategoryFields(body: unknown, layout: CategoryLayout): CategoryFields {
  const given = objectWith(body, fieldNames);
  const has = (name: string) => given[name] !== undefined;
  const fields: CategoryFields = {
    ...(has('name') && { name: nameIn(given) }),
    ...(has('display_order') && { display_order: displayOrderIn(given, layout) }),
    ...(has('featured') && { featured: featuredIn(given, layout) }),
    ...(has('parent_id') && { parent_id: parentIdIn(given) }),
  };
  if (Object.keys(fields).length === 0) {
    throw new BadRequestError(`Give at least one of ${fieldNames.join(', ')}.`);
  }
  return fields;
}

type Given = Record<string, unknown>;

function objectWith(body: unknown, allowed: readonly string[]): Given {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequestError('The body must be a JSON object.');
  }
  const stranger = Object.keys(body).find((name) => !allowed.includes(name));
  if (stranger !== undefined) {
    throw new BadRequestError(`The field \`${stranger.slice(0, 80)}\` is not one of ${allowed.join(', ')}.`);
  }
  return body as Given;
}

function nameIn(given: Given): string {
  return matching(given, 'name', text, 'a text of 1 to 200 characters');
}

function parentIdIn(given: Given): string {
  if (given['parent_id'] === '') return '';
  return matching(given, 'parent_id', id, 'the id of a category, or empty');
}

function displayOrderIn({ display_order: value }: Given, layout: CategoryLayout): number | string {
  const order = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(order)) throw new BadRequestError('`display_order` must be a whole number.');
  return layout === 'hash' ? String(order) : (order as number);
}

function featuredIn({ featured: value }: Given, layout: CategoryLayout): boolean | string {
  const featured = value === 'true' ? true : value === 'false' ? false : value;
  if (typeof featured !== 'boolean') throw new BadRequestError('`featured` must be true or false.');
  return layout === 'hash' ? String(featured) : featured;
}

function matching(given: Given, name: string, pattern: RegExp, expected: string): string {
  const value = given[name];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new BadRequestError(`\`${name}\` must be ${expected}.`);
}
