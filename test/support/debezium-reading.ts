import {
  type DebeziumDecodeOptions,
  resolveDecodeOptions,
} from '../../src/sources/debezium/decode-options.js';
import { EventReader } from '../../src/sources/debezium/event-reader.js';
import { type KeyAndValue, type PostgresEvent, message } from './debezium-messages.js';

type Row = { id: string } & Record<string, unknown>;

/** Somebody who reads messages and keeps what they make of the records. */
export class DebeziumReading {
  readonly records = new Map<string, Row>();
  readonly needs: (string | undefined)[] = [];
  readonly warnings: string[] = [];
  readonly #reader: EventReader<Row>;

  constructor(orderWindow = 100, options: DebeziumDecodeOptions<Row> = {}) {
    this.#reader = new EventReader<Row>(resolveDecodeOptions('test', options), orderWindow);
  }

  /** Has read them before, whatever became of it. */
  past(...deliveries: KeyAndValue[]): this {
    for (const delivery of deliveries) this.#reader.read(delivery);
    return this;
  }

  read(...deliveries: KeyAndValue[]): this {
    for (const delivery of deliveries) {
      const { changes, loadNeeded, warning } = this.#reader.read(delivery);
      if (loadNeeded) this.needs.push(loadNeeded);
      if (warning) this.warnings.push(`${warning.code}: ${parseInt(warning.message)}`);
      for (const change of changes) {
        if (change.op === 'truncate') this.records.clear();
        if (change.op === 'delete') this.records.delete(change.id);
        if (change.op === 'upsert') {
          const base = change.partial ? this.records.get(change.id) : undefined;
          this.records.set(change.id, { ...base, ...change.record } as Row);
        }
      }
    }
    return this;
  }

  get state(): Record<string, unknown> {
    return Object.fromEntries([...this.records].map(([id, { name }]) => [id, name]));
  }
}

export const upsert = (
  id: number,
  lsn: number,
  name: string,
  rest: Partial<PostgresEvent> = {},
): KeyAndValue => message({ id }, { op: 'u', after: { id, name }, lsn, ...rest });

/** A row of a snapshot. */
export const readRow = (id: number, lsn: number, name: string, snapshot: string): KeyAndValue =>
  upsert(id, lsn, name, { op: 'r', snapshot });
