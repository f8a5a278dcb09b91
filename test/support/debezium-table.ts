import { type KeyAndValue, type PostgresEvent, flattened, message, tombstone } from './debezium-messages.js';
import type { TestClient } from './redis.js';

export type SinkFormat = 'compact' | 'extended' | 'flattened' | 'data-integration';

/** A table, and a Debezium Server that writes what happens to it into a Redis stream. */
export class DebeziumTable<R extends { id: string } & Record<string, unknown>> {
  readonly stream: string;
  readonly #client: TestClient;
  readonly #format: SinkFormat;
  readonly #rows = new Map<string, R>();
  #lsn = 1_000;

  constructor(client: TestClient, stream: string, format: SinkFormat = 'compact') {
    this.#client = client;
    this.stream = stream;
    this.#format = format;
  }

  get rows(): R[] {
    return [...this.#rows.values()];
  }

  async write(row: R): Promise<KeyAndValue[]> {
    const op = this.#rows.has(row.id) ? 'u' : 'c';
    this.#rows.set(row.id, row);
    return this.#tell({ id: row.id }, { op, after: row });
  }

  async remove(id: string): Promise<KeyAndValue[]> {
    if (!this.#rows.delete(id)) return [];
    return this.#tell({ id }, { op: 'd', before: { id } });
  }

  async truncate(): Promise<KeyAndValue[]> {
    this.#rows.clear();
    return this.#tell(null, { op: 't' });
  }

  /** Changes the table while Debezium is away: nobody is told. */
  change(row: R | string): void {
    if (typeof row === 'string') this.#rows.delete(row);
    else this.#rows.set(row.id, row);
  }

  /** What Debezium does when it starts without a position. */
  async takeSnapshot(): Promise<void> {
    const all = this.rows;
    this.#lsn += 10;
    for (const [i, row] of all.entries()) {
      const marker = i === all.length - 1 ? 'last' : i === 0 ? 'first' : 'true';
      await this.send(message({ id: row.id }, { op: 'r', after: row, lsn: this.#lsn, snapshot: marker }));
    }
  }

  /** Writes messages into the stream as the sink does; also those that were written already. */
  async send(...messages: readonly KeyAndValue[]): Promise<string[]> {
    const ids: string[] = [];
    for (const each of messages) {
      const fields = this.#fieldsOf(each);
      ids.push((await this.#client.sendCommand(['XADD', this.stream, '*', ...fields])) as unknown as string);
    }
    return ids;
  }

  async entries(): Promise<string[]> {
    return ((await this.#client.xRange(this.stream, '-', '+')) ?? []).map(({ id }) => id);
  }

  async #tell(key: { id: string } | null, event: PostgresEvent): Promise<KeyAndValue[]> {
    this.#lsn += 10;
    const timestampMs = Date.now();
    const told = { ...event, lsn: this.#lsn, timestampMs };
    const messages = [this.#format === 'flattened' ? this.#flat(key, told) : message(key, told)];
    const isFollowedByTombstone = event.op === 'd' && this.#format !== 'data-integration';
    if (key && isFollowedByTombstone) messages.push(tombstone(key));
    await this.send(...messages);
    return messages;
  }

  #flat(key: { id: string } | null, event: PostgresEvent): KeyAndValue {
    const { op, after, before, lsn = 0, timestampMs = 0 } = event;
    const metadata = { op, lsn, timestampMs, deleted: op === 'd' ? 'true' : 'false' } as const;
    const { key: text, value } = flattened(key ?? {}, after ?? before ?? {}, metadata);
    return { key: key && text, value };
  }

  #fieldsOf({ key, value }: KeyAndValue): string[] {
    const [k, v] = [key ?? 'default', value ?? 'default'];
    if (this.#format === 'data-integration') return this.#integrationFields(v);
    return this.#format === 'extended' ? ['key', k, 'value', v] : [k, v];
  }

  #integrationFields(value: string): string[] {
    const { op, after, before } = JSON.parse(value) as PostgresEvent;
    return [
      ...Object.entries(after ?? before ?? {}).flatMap(([name, text]) => [name, String(text)]),
      'op_code',
      op,
    ];
  }
}
