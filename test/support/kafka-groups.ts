import type { WireReader, WireWriter } from './kafka-wire.js';

const unknownMember = 25;

/** Consumer groups of one member each, which is at once their leader. */
export class KafkaGroups {
  readonly #members = new Set<string>();
  #joins = 0;

  get joins(): number {
    return this.#joins;
  }

  forget(): void {
    this.#members.clear();
  }

  respond(api: number, reader: WireReader, body: WireWriter, port: number): void {
    switch (api) {
      case 9:
        this.#committed(reader, body);
        return;
      case 10:
        body.int32(0).int16(0).string(null).int32(1).string('127.0.0.1').int32(port);
        return;
      case 11:
        this.#join(reader, body);
        return;
      case 12:
        this.#beat(reader, body);
        return;
      case 13:
        body.int32(0).int16(0);
        return;
      case 14:
        this.#sync(reader, body);
        return;
      default:
        throw new Error(`The broker of the tests does not know the request ${api}.`);
    }
  }

  #join(reader: WireReader, body: WireWriter): void {
    reader.string();
    reader.int32();
    reader.int32();
    reader.string();
    reader.string();
    const [first] = reader.array(() => ({ name: reader.string(), metadata: reader.bytes() }));
    const member = `member-${++this.#joins}`;
    this.#members.add(member);
    body
      .int32(0)
      .int16(0)
      .int32(this.#joins)
      .string(first?.name ?? '')
      .string(member)
      .string(member);
    body.array([member], () => body.string(member).bytes(first?.metadata ?? Buffer.alloc(0)));
  }

  #sync(reader: WireReader, body: WireWriter): void {
    reader.string();
    reader.int32();
    reader.string();
    const [first] = reader.array(() => ({ member: reader.string(), assignment: reader.bytes() }));
    body
      .int32(0)
      .int16(0)
      .bytes(first?.assignment ?? Buffer.alloc(0));
  }

  /** Nobody ever commits any: that is not even understood. */
  #committed(reader: WireReader, body: WireWriter): void {
    reader.string();
    const asked = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => reader.int32()),
    }));
    body
      .int32(0)
      .array(asked, ({ topic, partitions }) =>
        body
          .string(topic)
          .array(partitions, (partition) => body.int32(partition).int64(-1n).string('').int16(0)),
      );
    body.int16(0);
  }

  #beat(reader: WireReader, body: WireWriter): void {
    reader.string();
    reader.int32();
    body.int32(0).int16(this.#members.has(reader.string() ?? '') ? 0 : unknownMember);
  }
}
