import type { Entity } from 'redis-om';
import { PrefetchError } from '../errors.js';
import { type RedisClient, send } from '../redis/client.js';
import { type DocumentStorage, documentStorage } from '../redis/documents.js';
import { paired } from '../redis/paired.js';
import { type StoredRecord, entityFrom, storedAsIs } from '../redis/om-connection.js';
import type { Dataset } from './dataset.js';

/** Reads one record from Redis, in the layout of the dataset. */
export class RecordReader<T extends Entity> {
  readonly #client: RedisClient;
  readonly #dataset: Dataset<T>;
  readonly #isHash: boolean;
  readonly #isAsIs: (stored: StoredRecord) => boolean;
  #storage: DocumentStorage | undefined;

  constructor(client: RedisClient, dataset: Dataset<T>, storage: DocumentStorage | undefined) {
    this.#client = client;
    this.#dataset = dataset;
    this.#storage = storage;
    this.#isHash = dataset.schema.dataStructure === 'HASH';
    this.#isAsIs = storedAsIs(dataset.schema);
  }

  /** The record, or undefined where Redis has none. */
  async read(id: string): Promise<T | undefined> {
    const stored = await this.readStored(id);
    if (stored === undefined || this.#isAsIs(stored)) return stored as T | undefined;
    try {
      return await entityFrom(this.#dataset.schema, id, stored);
    } catch (error) {
      throw unreadable(this.#dataset.name, id, error);
    }
  }

  /** The same, but as it is stored. */
  async readStored(id: string): Promise<StoredRecord | undefined> {
    const key = this.#dataset.keys.record(id);
    const command = this.#isHash ? ['HGETALL', key] : await this.#documentCommand(key);
    return this.#decode(id, await send(this.#client, command));
  }

  async #documentCommand(key: string): Promise<readonly string[]> {
    const { name, keys } = this.#dataset;
    this.#storage ??= await documentStorage(this.#client, name, keys.loadNote);
    // The root by its old name: what no path means has changed between versions, and `$` gives a list.
    return this.#storage === 'native' ? ['JSON.GET', key, '.'] : ['GET', key];
  }

  #decode(id: string, reply: unknown): StoredRecord | undefined {
    if (this.#isHash) return hashFrom(reply as Record<string, string> | string[]);
    if (reply === null) return undefined;
    try {
      return documentFrom(reply as string);
    } catch (error) {
      throw unreadable(this.#dataset.name, id, error);
    }
  }
}

/** @throws when the text is no document */
export function documentFrom(text: string): StoredRecord {
  const document: unknown = JSON.parse(text);
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
    return document as StoredRecord;
  }
  throw new TypeError('The document is not an object.');
}

/** RESP3 gives a map, RESP2 a flat list; both are empty where there is no key. */
export function hashFrom(reply: Record<string, string> | string[]): Record<string, string> | undefined {
  const fields = Array.isArray(reply) ? paired(reply) : { ...reply };
  for (const _ in fields) return fields;
  return undefined;
}

function unreadable(dataset: string, id: string, cause: unknown): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_UNREADABLE_RECORD',
    `What is stored for ${dataset}:${id} does not fit the schema. Something else wrote it, or the schema changed: reload.`,
    { cause },
  );
}
