import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { apis, tellApis } from './kafka-apis.js';
import { KafkaGroups } from './kafka-groups.js';
import { KafkaLog } from './kafka-log.js';
import { WireReader, WireWriter } from './kafka-wire.js';

interface Topic {
  id: string;
  readonly partitions: KafkaLog[];
}

const unknownTopic = 3;
const outOfRange = 1;
const notLeader = 6;
const noLeaderEpoch = 0;

/**
 * One broker that speaks as much of Kafka's protocol as clients need that read, and can do to a topic what brokers do:
 * compact it, remove its beginning, end transactions either way, add partitions, make it anew.
 */
export class KafkaLogBroker {
  clusterId = 'log-broker';
  readonly #topics = new Map<string, Topic>();
  readonly #sockets = new Set<Socket>();
  readonly #groups = new KafkaGroups();
  #server: Server | undefined;
  #port = 0;
  #isMoving = false;
  #frozen: Promise<void> = Promise.resolve();
  #thaw: () => void = () => undefined;

  static async start(): Promise<KafkaLogBroker> {
    const broker = new KafkaLogBroker();
    await broker.listen();
    return broker;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Comes back at the same port with all that it had. */
  async listen(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#serve(socket);
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async shutDown(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (!server?.listening) return;
    server.close();
    await once(server, 'close');
  }

  create(name: string, partitions = 1): void {
    const logs = Array.from({ length: partitions }, () => new KafkaLog());
    this.#topics.set(name, { id: randomUUID(), partitions: logs });
  }

  remove(name: string): void {
    this.#topics.delete(name);
  }

  addPartition(name: string): void {
    this.#topic(name).partitions.push(new KafkaLog());
    this.endSessions();
  }

  log(name: string, partition = 0): KafkaLog {
    return this.#topic(name).partitions[partition]!;
  }

  /** As the usual producers do it: a key stays in its partition. */
  produce(name: string, key: string, value: string | null): void {
    const { partitions } = this.#topic(name);
    const sum = Buffer.from(key).reduce((total, byte) => (total * 31 + byte) % 65_521, 0);
    partitions[sum % partitions.length]!.append([[key, value]]);
  }

  /** It holds its connections, and answers nothing until it is thawed. */
  freeze(): void {
    this.#frozen = new Promise((resolve) => (this.#thaw = resolve));
  }

  thaw(): void {
    this.#thaw();
  }

  /** The members of all groups have to join anew, and hear of it at their next fetch. */
  endSessions(): void {
    this.#groups.forget();
    this.#isMoving = true;
  }

  /** How often somebody joined a group. */
  get joins(): number {
    return this.#groups.joins;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw new Error(`There is no topic ${name}.`);
    return topic;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    let received = Buffer.alloc(0);
    let work = Promise.resolve();
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0);
        const request = received.subarray(4, end);
        received = received.subarray(end);
        work = work
          .then(() => this.#answer(socket, request))
          .catch((error: unknown) => {
            socket.destroy(error as Error);
          });
      }
    });
  }

  async #answer(socket: Socket, request: Buffer): Promise<void> {
    const [api, version, correlation] = [
      request.readInt16BE(0),
      request.readInt16BE(2),
      request.readInt32BE(4),
    ];
    const isFlexible = version >= (apis[api]?.flexible ?? 0);
    const nameLength = Math.max(0, request.readInt16BE(8));
    const reader = new WireReader(request.subarray(10 + nameLength), isFlexible);
    reader.tags();
    const body = new WireWriter(isFlexible);
    const headed = new WireWriter(isFlexible && api !== 18).int32(correlation).tags();
    await this.#respond(api, version, reader, body);
    await this.#frozen;
    const answer = headed.raw(body.buffer).buffer;
    if (!socket.destroyed) socket.write(new WireWriter().bytes(answer).buffer);
  }

  async #respond(api: number, version: number, reader: WireReader, body: WireWriter): Promise<void> {
    switch (api) {
      case 1:
        await this.#fetch(version, reader, body);
        return;
      case 2:
        this.#listOffsets(version, reader, body);
        return;
      case 3:
        this.#metadata(version, reader, body);
        return;
      case 18:
        tellApis(version, body);
        return;
      default:
        this.#groups.respond(api, reader, body, this.#port);
        return;
    }
  }

  #metadata(version: number, reader: WireReader, body: WireWriter): void {
    const asked = reader.array(() => {
      if (version >= 10) reader.uuid();
      const name = reader.string() ?? '';
      reader.tags();
      return name;
    });
    body.int32(0);
    body.array([1], (node) => body.int32(node).string('127.0.0.1').int32(this.#port).string(null).tags());
    body.string(this.clusterId).int32(1);
    body.array(asked, (name) => {
      const topic = this.#topics.get(name);
      body.int16(topic ? 0 : unknownTopic).string(name);
      if (version >= 10) body.uuid(topic?.id ?? '0'.repeat(32));
      body.int8(0).array(topic?.partitions ?? [], (log) => {
        body.int16(0).int32(topic!.partitions.indexOf(log)).int32(1);
        if (version >= 7) body.int32(noLeaderEpoch);
        for (const nodes of [[1], [1], []]) body.array(nodes, (node) => body.int32(node));
        body.tags();
      });
      if (version >= 8) body.int32(0);
      body.tags();
    });
    if (version >= 8 && version <= 10) body.int32(0);
    body.tags();
  }

  #listOffsets(version: number, reader: WireReader, body: WireWriter): void {
    reader.int32();
    reader.int8();
    const asked = reader.array(() => {
      const name = reader.string() ?? '';
      const partitions = reader.array(() => {
        const index = reader.int32();
        if (version >= 4) reader.int32();
        const timestamp = reader.int64();
        reader.tags();
        return { index, timestamp };
      });
      reader.tags();
      return { name, partitions };
    });
    body.int32(0).array(asked, ({ name, partitions }) => {
      body.string(name).array(partitions, ({ index, timestamp }) => {
        const log = this.#topics.get(name)?.partitions[index];
        const offset = timestamp === -2n ? log?.low : log?.stable;
        body
          .int32(index)
          .int16(log ? 0 : unknownTopic)
          .int64(-1n)
          .int64(BigInt(offset ?? -1));
        if (version >= 4) body.int32(noLeaderEpoch);
        body.tags();
      });
      body.tags();
    });
    body.tags();
  }

  async #fetch(version: number, reader: WireReader, body: WireWriter): Promise<void> {
    reader.int32();
    const waitMs = reader.int32();
    for (const skip of ['int32', 'int32', 'int8', 'int32', 'int32'] as const) reader[skip]();
    const asked = reader.array(() => {
      const name = version >= 13 ? this.#nameOf(reader.uuid()) : (reader.string() ?? '');
      const partitions = reader.array(() => {
        const index = reader.int32();
        if (version >= 9) reader.int32();
        const offset = Number(reader.int64());
        if (version >= 12) reader.int32();
        reader.int64();
        const maxBytes = reader.int32();
        reader.tags();
        return { index, offset, maxBytes };
      });
      reader.tags();
      return { name, partitions };
    });
    const logs = asked.flatMap(({ name, partitions }) =>
      partitions.map(({ index, offset }) => ({ log: this.#topics.get(name)?.partitions[index], offset })),
    );
    const isMoving = this.#isMoving;
    this.#isMoving = false;
    const isIdle =
      !isMoving && logs.every(({ log, offset }) => log && offset >= log.low && offset === log.stable);
    if (isIdle)
      await anyAppended(
        logs.map(({ log }) => log!),
        waitMs,
      );
    body
      .int32(0)
      .int16(0)
      .int32(0)
      .array(asked, ({ name, partitions }) => {
        if (version >= 13) body.uuid(this.#topics.get(name)?.id ?? '0'.repeat(32));
        else body.string(name);
        body.array(partitions, ({ index, offset, maxBytes }) => {
          const log = this.#topics.get(name)?.partitions[index];
          const isThere = !isMoving && log && offset >= log.low && offset <= log.high;
          const { records, aborted } = isThere ? log.read(offset, maxBytes) : nothing;
          body.int32(index).int16(isThere ? 0 : isMoving ? notLeader : log ? outOfRange : unknownTopic);
          for (const at of [log?.high, log?.stable, log?.low]) body.int64(BigInt(at ?? -1));
          body.array(aborted, ({ producerId, first }) =>
            body.int64(BigInt(producerId)).int64(BigInt(first)).tags(),
          );
          body.int32(-1).bytes(records).tags();
        });
        body.tags();
      });
    body.tags();
  }

  #nameOf(id: string): string {
    return [...this.#topics].find(([, topic]) => topic.id === id)?.[0] ?? '';
  }
}

const nothing = { records: Buffer.alloc(0), aborted: [] };

async function anyAppended(logs: readonly KafkaLog[], withinMs: number): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const timer = setTimeout(() => {
    ending.abort();
  }, withinMs);
  await Promise.race(
    logs.map(({ appended }) => once(appended, 'appended', { signal }).catch(() => undefined)),
  );
  clearTimeout(timer);
  ending.abort();
}
