import type { Entity } from 'redis-om';
import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import { type DocumentStorage, documentStorage } from '../redis/documents.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Chain } from '../redis/fence.js';
import { serverTime } from '../redis/server-time.js';
import { Transaction } from '../redis/transaction.js';
import type { Dataset } from './dataset.js';
import type { Writer } from './writer.js';

/** A dataset on a connection, as the one who writes it there has it. */
export class DatasetAccess<T extends Entity> {
  readonly client: RedisClient;
  readonly dataset: Dataset<T>;
  readonly writer: Writer;
  readonly #fixedStorage: DocumentStorage | undefined;

  constructor(
    client: RedisClient,
    dataset: Dataset<T>,
    writer: Writer,
    storage: DocumentStorage | undefined,
  ) {
    this.client = client;
    this.dataset = dataset;
    this.writer = writer;
    this.#fixedStorage = storage;
  }

  async storage(): Promise<DocumentStorage> {
    const { schema, name, keys } = this.dataset;
    if (schema.dataStructure === 'HASH') return 'string';
    if (this.#fixedStorage) return this.#fixedStorage;
    return this.writer.patiently(() => documentStorage(this.client, name, keys.loadNote));
  }

  /** How records are stored, as far as it matters to who reads them. */
  async layout(): Promise<string> {
    const { dataStructure, fields } = this.dataset.schema;
    const form = dataStructure === 'HASH' ? 'hash' : `json ${await this.storage()}`;
    return `${form}; ${fields.map((field) => `${field.name} ${field.type}`).join(', ')}`;
  }

  /** @throws PrefetchError */
  ask(command: readonly string[]): Promise<unknown> {
    return this.#patiently(() => send(this.client, command));
  }

  /** The clock of the server, by which its keys expire. */
  now(): Promise<number> {
    return this.#patiently(() => serverTime(this.client));
  }

  /**
   * Writes that may come between the others, whatever these are: only that the lease is held matters to them.
   *
   * @throws PrefetchError
   */
  async writeBeside(...commands: readonly RedisCommand[]): Promise<number> {
    const { fence } = this.writer;
    const [only, ...others] = commands;
    if (!fence && only && others.length === 0) {
      const reply = await this.ask(only);
      return typeof reply === 'number' ? reply : 0;
    }
    const transaction = new Transaction(this.dataset.keys.loadNote, {
      conditions: fence ? [fence.lease] : [],
    });
    for (const command of commands) transaction.add(...command);
    return this.#patiently(() => transaction.send(this.client));
  }

  /**
   * As writeBeside(), but each of a chain: what Redis lost of one is noticed by the next. Returns 0 when it had taken
   * effect and only the answer was lost.
   */
  async writeInChain(chain: Chain | undefined, ...commands: readonly RedisCommand[]): Promise<number> {
    if (!chain) return this.writeBeside(...commands);
    const transaction = new Transaction(this.dataset.keys.loadNote, { fence: chain });
    for (const command of commands) transaction.add(...command);
    return this.#patiently(() => transaction.send(this.client));
  }

  #patiently<R>(work: () => Promise<R>): Promise<R> {
    return this.writer.patiently(() =>
      work().catch((error: unknown) => {
        throw toPrefetchError(error);
      }),
    );
  }
}
