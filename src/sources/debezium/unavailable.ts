import { createHash } from 'node:crypto';

/**
 * Says which values stand for one that the database did not log, because it is stored apart and has not changed. What
 * Debezium writes there depends on the type of the column.
 */
export function unavailability(placeholder: string): (given: unknown) => boolean {
  const bytes = [...Buffer.from(placeholder)];
  const texts = new Set([placeholder, Buffer.from(placeholder).toString('base64'), uuidOf(placeholder)]);
  const isText = (given: unknown) => typeof given === 'string' && texts.has(given);
  return (given) => {
    if (typeof given !== 'object' || given === null) return isText(given);
    if (!Array.isArray(given)) {
      const [first, ...others] = Object.entries(given);
      return first !== undefined && others.length === 0 && first[0] === placeholder && isText(first[1]);
    }
    const items: readonly unknown[] = given;
    if (items.length === 1 && isText(items[0])) return true;
    return items.length === bytes.length && items.every((item, i) => item === bytes[i]);
  };
}

/** As Java's UUID.nameUUIDFromBytes(). */
function uuidOf(text: string): string {
  const hash = createHash('md5').update(text).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x30;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
