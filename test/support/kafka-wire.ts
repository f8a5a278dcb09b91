/** Builds a message of Kafka's protocol. Flexible ones have compact lengths and a place for tagged fields. */
export class WireWriter {
  readonly #parts: Buffer[] = [];
  readonly isFlexible: boolean;

  constructor(isFlexible = false) {
    this.isFlexible = isFlexible;
  }

  get buffer(): Buffer {
    return Buffer.concat(this.#parts);
  }

  int8(value: number): this {
    return this.#put(1, (at) => at.writeInt8(value));
  }

  int16(value: number): this {
    return this.#put(2, (at) => at.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#put(4, (at) => at.writeInt32BE(value));
  }

  uint32(value: number): this {
    return this.#put(4, (at) => at.writeUInt32BE(value));
  }

  int64(value: bigint): this {
    return this.#put(8, (at) => at.writeBigInt64BE(value));
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  varint(value: number): this {
    return this.unsigned(BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n)));
  }

  unsigned(value: number | bigint): this {
    const bytes: number[] = [];
    let rest = BigInt(value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    return this.raw(Buffer.from(bytes));
  }

  /** A length and the bytes, as records have them. */
  varbytes(bytes: Buffer | null): this {
    return bytes === null ? this.varint(-1) : this.varint(bytes.length).raw(bytes);
  }

  string(text: string | null): this {
    const bytes = text === null ? null : Buffer.from(text);
    if (this.isFlexible) return this.#compact(bytes);
    return bytes === null ? this.int16(-1) : this.int16(bytes.length).raw(bytes);
  }

  bytes(bytes: Buffer): this {
    return this.isFlexible ? this.#compact(bytes) : this.int32(bytes.length).raw(bytes);
  }

  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    if (this.isFlexible) this.unsigned(items.length + 1);
    else this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  uuid(id: string): this {
    return this.raw(Buffer.from(id.replaceAll('-', ''), 'hex'));
  }

  tags(): this {
    return this.isFlexible ? this.unsigned(0) : this;
  }

  #compact(bytes: Buffer | null): this {
    return bytes === null ? this.unsigned(0) : this.unsigned(bytes.length + 1).raw(bytes);
  }

  #put(size: number, write: (at: Buffer) => unknown): this {
    const at = Buffer.alloc(size);
    write(at);
    return this.raw(at);
  }
}

export class WireReader {
  readonly #bytes: Buffer;
  readonly #isFlexible: boolean;
  #at = 0;

  constructor(bytes: Buffer, isFlexible = false) {
    this.#bytes = bytes;
    this.#isFlexible = isFlexible;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  string(): string | null {
    return this.#slice(this.#isFlexible ? this.unsigned() - 1 : this.int16())?.toString('utf8') ?? null;
  }

  bytes(): Buffer {
    return this.#slice(this.#isFlexible ? this.unsigned() - 1 : this.int32()) ?? Buffer.alloc(0);
  }

  array<T>(read: () => T): T[] {
    const length = this.#isFlexible ? this.unsigned() - 1 : this.int32();
    return Array.from({ length: Math.max(0, length) }, read);
  }

  uuid(): string {
    const hex = this.#slice(16)!.toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  tags(): void {
    if (this.#isFlexible) for (let left = this.unsigned(); left > 0; left--) this.#skipTag();
  }

  #skipTag(): void {
    this.unsigned();
    this.#take(this.unsigned());
  }

  #slice(length: number): Buffer | null {
    if (length < 0) return null;
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  #take(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}
