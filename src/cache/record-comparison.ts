import { isDeepStrictEqual } from 'node:util';
import type { Entity } from 'redis-om';
import type { DocumentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import { OmBatch, type WriteLog } from '../redis/om-batch.js';
import type { StoredRecord } from '../redis/om-connection.js';
import type { DatasetAccess } from './dataset-access.js';
import { RecordReader, documentFrom, hashFrom } from './record-reader.js';
import { whyRefused } from './record-rules.js';

export type Finding =
  | { readonly is: 'same' | 'missing' | 'refused' }
  /** The fields that are not as they would be written; none when what is there cannot be read as a record. */
  | { readonly is: 'different'; readonly fields: readonly string[] };

/** Compares records with what Redis holds, as it would be stored, in the layout of the dataset. */
export class RecordComparison<T extends Entity> {
  readonly #access: DatasetAccess<T>;
  readonly #storage: DocumentStorage;
  readonly #reader: RecordReader<T>;
  readonly #latest = new LatestValue();
  readonly #batch: OmBatch<T>;

  private constructor(access: DatasetAccess<T>, storage: DocumentStorage) {
    const { client, dataset } = access;
    this.#access = access;
    this.#storage = storage;
    this.#reader = new RecordReader(client, dataset, storage);
    this.#batch = new OmBatch(dataset.schema, this.#latest, storage, dataset.ttlSeconds);
  }

  static async on<T extends Entity>(access: DatasetAccess<T>): Promise<RecordComparison<T>> {
    return new RecordComparison(access, await access.storage());
  }

  /** Says of each record what is found. All of them are read in one go. */
  async compare(records: readonly T[]): Promise<Finding[]> {
    const wanted: (StoredRecord | undefined)[] = [];
    for (const record of records) wanted.push(await this.#asStored(record));
    return this.#access.writer.patiently(() =>
      Promise.all(wanted.map((record, i) => this.#find(record, records[i]?.['id']))),
    );
  }

  /** What would be written, by the very rules of writing; undefined when it would be refused. */
  async #asStored(record: T): Promise<StoredRecord | undefined> {
    const id = (record as Partial<T> | null)?.['id'] as string;
    if (whyRefused(this.#access.dataset, id, record)) return undefined;
    try {
      await this.#batch.save(id, record);
    } catch {
      return undefined;
    }
    const words = this.#latest.words;
    if (this.#access.dataset.schema.dataStructure === 'HASH') return hashFrom([...words]);
    const [first = '', second = ''] = words;
    return documentFrom(this.#storage === 'native' ? second : first); // after the path, or before the expiry
  }

  async #find(wanted: StoredRecord | undefined, id: unknown): Promise<Finding> {
    if (!wanted) return { is: 'refused' };
    try {
      const found = await this.#reader.readStored(id as string);
      if (!found) return { is: 'missing' };
      const fields = differing(wanted, found);
      return fields.length === 0 ? { is: 'same' } : { is: 'different', fields };
    } catch (error) {
      const failure = toPrefetchError(error);
      const isUnreadable =
        failure.code === 'ERR_PREFETCH_WRONG_TYPE' || failure.code === 'ERR_PREFETCH_UNREADABLE_RECORD';
      if (isUnreadable) return { is: 'different', fields: [] };
      throw failure;
    }
  }
}

function differing(wanted: StoredRecord, found: StoredRecord): string[] {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...names].filter((name) => !isDeepStrictEqual(wanted[name], found[name]));
}

/** Takes what would be written, and keeps the latest. */
class LatestValue implements WriteLog {
  words: readonly string[] = [];

  add(): void {
    // An UNLINK or an EXPIRE, which say nothing of the value.
  }

  addValue(_name: string, _key: string, ...args: readonly string[]): void {
    this.words = args;
  }
}
