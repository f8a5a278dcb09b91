import type { Entity, Schema } from 'redis-om';
import { optionError } from '../errors.js';
import { positiveInteger } from '../options.js';
import { Keys } from '../redis/keys.js';

/** 68 years. Redis and timers can hold it. */
const longestTtlSeconds = 2_147_483_647;

/** What both sides, the reading and the writing one, must agree on about the records of one schema. */
export interface Dataset<T extends Entity> {
  /** The schema's name, for example `cache:category`. */
  readonly name: string;
  readonly schema: Schema<T>;
  readonly keys: Keys;
  readonly ttlSeconds: number;
}

export function createDataset<T extends Entity>(
  schema: Schema<T>,
  ttlSeconds: number,
  idPattern: RegExp | undefined,
): Dataset<T> {
  // Not instanceof: the caller's redis-om may be the other of its two module formats.
  if (typeof (schema as Partial<Schema<T>> | undefined)?.schemaName !== 'string') {
    throw optionError('schema', 'a Schema of redis-om', schema);
  }
  if (/[\s\p{Cc}]/u.test(schema.schemaName)) {
    throw optionError('schema', 'named without white space and control characters', schema.schemaName);
  }
  if (/^prefetch(:|$)/.test(schema.schemaName)) {
    throw optionError(
      'schema',
      'named otherwise: what the library keeps for itself lies there',
      schema.schemaName,
    );
  }
  return Object.freeze({
    name: schema.schemaName,
    schema,
    keys: new Keys(schema.schemaName, idPattern),
    ttlSeconds: positiveInteger('ttlSeconds', ttlSeconds, longestTtlSeconds),
  });
}
