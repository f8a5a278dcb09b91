import { type Entity, type RedisConnection, Repository, type Schema } from 'redis-om';
import type { DocumentStorage } from './documents.js';
import { withExactDates } from './exact-dates.js';
import type { Transaction } from './transaction.js';

/** What takes what Redis OM writes. */
export type WriteLog = Pick<Transaction, 'add' | 'addValue'>;

/**
 * Redis OM has no bulk, pipeline or transaction API, and saves a value apart from its TTL. Here its repository
 * writes into a transaction instead of a server: every value followed by its EXPIRE.
 */
export class OmBatch<T extends Entity> {
  readonly #repository: Repository<T>;
  readonly #exact: (record: T) => T;

  constructor(schema: Schema<T>, transaction: WriteLog, storage: DocumentStorage, ttlSeconds: number) {
    this.#repository = new Repository(schema, recorder(transaction, storage, String(ttlSeconds)));
    this.#exact = withExactDates(schema);
  }

  /** Rejects, with nothing recorded, when the record does not fit the schema. */
  async save(id: string, record: T): Promise<void> {
    await this.#repository.save(id, this.#exact(record));
  }

  async remove(id: string): Promise<void> {
    await this.#repository.remove(id);
  }
}

/**
 * The part of a connection that a repository writes with. UNLINK comes first so that no field of an older state
 * lingers and a key of another type is replaced rather than in the way.
 */
function recorder(transaction: WriteLog, storage: DocumentStorage, ttl: string): RedisConnection {
  const connection = {
    unlink([key]: [string]) {
      transaction.add('UNLINK', key);
    },
    multi: () => ({
      unlink: (key: string) => ({
        hSet: (_: string, fields: Record<string, string>) => ({
          exec() {
            transaction.add('UNLINK', key);
            transaction.addValue('HSET', key, ...flat(fields));
            transaction.add('EXPIRE', key, ttl);
          },
        }),
      }),
    }),
    json: {
      set(key: string, path: string, document: object) {
        const text = JSON.stringify(document);
        if (storage === 'string') {
          transaction.addValue('SET', key, text, 'EX', ttl);
          return;
        }
        transaction.add('UNLINK', key);
        transaction.addValue('JSON.SET', key, path, text);
        transaction.add('EXPIRE', key, ttl);
      },
    },
  };
  return connection as unknown as RedisConnection;
}

function flat(fields: Record<string, string>): string[] {
  const words: string[] = [];
  for (const [name, value] of Object.entries(fields)) words.push(name, value);
  return words;
}
