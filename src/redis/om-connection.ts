import {
  type Entity,
  EntityId,
  EntityKeyName,
  type Field,
  type FieldType,
  type RedisConnection,
  Repository,
  type Schema,
} from 'redis-om';

/** What Redis holds under a record's key, already decoded from the wire. */
export type StoredRecord = Record<string, unknown>;

/**
 * Has Redis OM turn what is stored into an entity. The reply is given to it instead of a connection, because only
 * the reply tells a miss from a hit: OM makes a truthy entity of both.
 */
export async function entityFrom<T extends Entity>(
  schema: Schema<T>,
  id: string,
  stored: StoredRecord,
): Promise<T> {
  const answering = {
    hGetAll: () => Promise.resolve(stored),
    json: { get: () => Promise.resolve([stored]) },
  };
  const repository = new Repository(schema, answering as unknown as RedisConnection);
  const entity = await repository.fetch(id);
  // Only what is stored: the symbols that OM adds would make records unequal to what was loaded.
  Reflect.deleteProperty(entity, EntityId);
  Reflect.deleteProperty(entity, EntityKeyName);
  return entity;
}

/**
 * Tells of a stored record whether Redis OM would hand it back as it is, so that asking it is not needed. That is most
 * records of most schemas, and OM's mapping costs more than the rest of a lookup.
 */
export function storedAsIs<T extends Entity>(schema: Schema<T>): (stored: StoredRecord) => boolean {
  if (schema.dataStructure === 'HASH') {
    const isAllText = schema.fields.every(
      ({ type, hashField, name }) => (type === 'string' || type === 'text') && hashField === name,
    );
    return () => isAllText;
  }
  const checks = schema.fields.map((field) => [field.name, isAtTop(field) && asIs[field.type]] as const);
  return (stored) => checks.every(([name, isAsIs]) => isAsIs && isAsIs(stored[name] ?? null));
}

/** Where a field of a document is unless the schema gives it a path of its own. */
export function isAtTop({ jsonPath, name }: Field): boolean {
  return jsonPath.startsWith(`$["${name}"]`);
}

const isText = (value: unknown) => value === null || typeof value === 'string';
const isNumber = (value: unknown) => value === null || typeof value === 'number';
const isBoolean = (value: unknown) => value === null || typeof value === 'boolean';
const isListOf = (type: string) => (value: unknown) =>
  value === null || (Array.isArray(value) && value.every((item) => typeof item === type));

/** Dates and points are stored as something else. */
const asIs: Partial<Record<FieldType, (value: unknown) => boolean>> = {
  string: isText,
  text: isText,
  number: isNumber,
  boolean: isBoolean,
  'string[]': isListOf('string'),
  'number[]': isListOf('number'),
};
