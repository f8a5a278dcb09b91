import type { Entity, Schema } from 'redis-om';
import { isAtTop } from './om-connection.js';

/**
 * Redis OM stores a date as seconds, and multiplying them again gives one in a hundred a millisecond less than it was.
 * Seconds that are a bit larger come back right, in Redis OM too.
 */
export function withExactDates<T extends Entity>(schema: Schema<T>): (record: T) => T {
  const dates = schema.fields.filter(
    (field) => field.type === 'date' && (schema.dataStructure === 'HASH' || isAtTop(field)),
  );
  if (dates.length === 0) return (record) => record;
  return (record) => {
    const exact: Entity = { ...record };
    for (const { name } of dates) {
      const ms = millisecondsOf(record[name]);
      if (ms !== comesBackAs(ms / 1000)) exact[name] = (ms / 1000) * (1 + Number.EPSILON);
    }
    return exact as T;
  };
}

/** 0 for what is no date. */
function millisecondsOf(value: unknown): number {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'string') return new Date(value).getTime() || 0;
  return typeof value === 'number' ? Math.round(value * 1000) : 0;
}

function comesBackAs(seconds: number): number {
  return new Date(seconds * 1000).getTime();
}
