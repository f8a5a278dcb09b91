import { EventEmitter } from 'node:events';
import { WireWriter } from './kafka-wire.js';

interface LogRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
}

interface Batch {
  readonly first: number;
  readonly last: number;
  readonly records: readonly LogRecord[];
  /** -1 outside of transactions. */
  readonly producerId: number;
  readonly isControl: boolean;
}

interface Aborted {
  readonly producerId: number;
  readonly first: number;
  readonly last: number;
}

export type Message = readonly [key: string | null, value: string | null];

/** One partition: messages in batches, marks of transactions, and what compaction and retention leave of them. */
export class KafkaLog {
  readonly appended = new EventEmitter().setMaxListeners(0);
  #batches: Batch[] = [];
  #next = 0;
  #low = 0;
  readonly #open = new Map<number, number>();
  readonly #aborted: Aborted[] = [];

  get low(): number {
    return this.#low;
  }

  get high(): number {
    return this.#next;
  }

  /** Where what is committed ends. */
  get stable(): number {
    return Math.min(this.#next, ...this.#open.values());
  }

  /** As many messages as are given in one batch. */
  append(messages: readonly Message[], producerId = -1): void {
    const first = this.#next;
    const records = messages.map(([key, value], i) => ({
      offset: first + i,
      key: bytesOf(key),
      value: bytesOf(value),
      timestampMs: Date.now(),
    }));
    if (producerId >= 0 && !this.#open.has(producerId)) this.#open.set(producerId, first);
    this.#push({ first, last: first + records.length - 1, records, producerId, isControl: false });
  }

  endTransaction(producerId: number, isCommitted: boolean): void {
    const first = this.#open.get(producerId);
    this.#open.delete(producerId);
    const offset = this.#next;
    if (!isCommitted && first !== undefined) this.#aborted.push({ producerId, first, last: offset });
    const key = Buffer.from([0, 0, 0, isCommitted ? 1 : 0]);
    const mark = { offset, key, value: Buffer.alloc(6), timestampMs: Date.now() };
    this.#push({ first: offset, last: offset, records: [mark], producerId, isControl: true });
  }

  /** Of each key the last message stays. Batches keep their place, empty ones are removed. */
  compact(): void {
    const last = new Map<string, number>();
    for (const { records, isControl } of this.#batches) {
      if (!isControl) for (const { key, offset } of records) last.set(String(key), offset);
    }
    this.#batches = this.#batches
      .map((batch) => {
        const records = batch.records.filter(({ key, offset }) => last.get(String(key)) === offset);
        return batch.isControl ? batch : { ...batch, records };
      })
      .filter(({ records }, i, all) => records.length > 0 || i === all.length - 1);
  }

  /** As retention or DeleteRecords do. */
  removeBefore(offset: number): void {
    this.#low = offset;
    this.#batches = this.#batches.filter(({ last }) => last >= offset);
  }

  /** Whole batches from the one with the offset on, as much of them as fits, but at least one. */
  read(offset: number, maxBytes: number): { records: Buffer; aborted: readonly Aborted[] } {
    const found: Buffer[] = [];
    let size = 0;
    for (const batch of this.#batches) {
      if (batch.last < offset || batch.last >= this.stable) continue;
      const bytes = encode(batch);
      if (found.length > 0 && size + bytes.length > maxBytes) break;
      found.push(bytes);
      size += bytes.length;
    }
    return { records: Buffer.concat(found), aborted: this.#aborted.filter(({ last }) => last >= offset) };
  }

  #push(batch: Batch): void {
    this.#batches.push(batch);
    this.#next = batch.last + 1;
    this.appended.emit('appended');
  }
}

/** https://kafka.apache.org/documentation/#recordbatch */
function encode({ first, last, records, producerId, isControl }: Batch): Buffer {
  const firstMs = records[0]?.timestampMs ?? 0;
  const times = records.map(({ timestampMs }) => timestampMs);
  const body = new WireWriter()
    .int16((isControl ? 0x20 : 0) | (producerId >= 0 ? 0x10 : 0))
    .int32(last - first)
    .int64(BigInt(firstMs))
    .int64(BigInt(Math.max(0, ...times)))
    .int64(BigInt(producerId))
    .int16(0)
    .int32(0)
    .int32(records.length);
  for (const { offset, key, value, timestampMs } of records) {
    const record = new WireWriter()
      .int8(0)
      .varint(timestampMs - firstMs)
      .varint(offset - first)
      .varbytes(key)
      .varbytes(value)
      .varint(0).buffer;
    body.varint(record.length).raw(record);
  }
  const checked = body.buffer;
  const tail = new WireWriter().int32(0).int8(2).uint32(crc32c(checked)).raw(checked).buffer;
  return new WireWriter().int64(BigInt(first)).int32(tail.length).raw(tail).buffer;
}

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text);
}
