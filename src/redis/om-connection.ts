import {
  type Entity,
  EntityId,
  EntityKeyName,
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
 * True when Redis OM would hand back what is stored as it is, so that asking it is not needed. That is most schemas,
 * and OM's mapping costs more than the rest of a lookup.
 */
export function isStoredAsIs<T extends Entity>(schema: Schema<T>): boolean {
  return schema.dataStructure === 'HASH'
    ? schema.fields.every((field) => isText(field.type) && field.hashField === field.name)
    : schema.fields.every((field) => field.type !== 'date' && field.type !== 'point');
}

function isText(type: string): boolean {
  return type === 'string' || type === 'text';
}
