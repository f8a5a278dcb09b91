import { createHash, randomBytes } from 'node:crypto';

const mostLetters = 63;

/** A name that Postgres takes for a slot: lower case letters, digits and underscores. */
export function defaultName({ schema, name }: { readonly schema: string; readonly name: string }): string {
  const plain = schema === 'public' ? `prefetch_${name}` : `prefetch_${schema}_${name}`;
  const allowed = plain.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
  if (allowed === plain && plain.length <= mostLetters) return plain;
  const mark = createHash('sha256').update(`${schema}.${name}`).digest('hex').slice(0, 8);
  return `${allowed.slice(0, mostLetters - 9)}_${mark}`;
}

/** For a slot that is there only while a snapshot is taken. */
export function passingSlotName(slot: string): string {
  const mark = `_load_${randomBytes(4).toString('hex')}`;
  return slot.slice(0, mostLetters - mark.length) + mark;
}
