import { ByteReader } from './byte-reader.js';
import type { Lsn } from './lsn.js';
import type { Tuple } from '../rows/tuple.js';

export interface RelationColumn {
  readonly name: string;
  readonly type: number;
}

export type ReplicationMessage =
  | { kind: 'begin'; commitLsn: Lsn; timestampMs: number }
  | { kind: 'commit'; endLsn: Lsn }
  | { kind: 'relation'; relation: number; columns: readonly RelationColumn[] }
  | { kind: 'insert'; relation: number; row: Tuple }
  /** `before` is there when the key changed (then it may hold the key only), or with REPLICA IDENTITY FULL. */
  | { kind: 'update'; relation: number; before: Tuple | undefined; row: Tuple }
  | { kind: 'delete'; relation: number; before: Tuple }
  | { kind: 'truncate'; relations: readonly number[] }
  | { kind: 'other' };

const epochMs = Date.UTC(2000, 0, 1);

/** Times of Postgres are in microseconds since 2000. */
export function timeOf(microseconds: bigint): number {
  return epochMs + Number(microseconds / 1_000n);
}

export function microsecondsNow(): bigint {
  return BigInt(Date.now() - epochMs) * 1_000n;
}

/**
 * One message of pgoutput, protocol version 1.
 *
 * @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 * @throws RangeError when the bytes are not such a message
 */
export function decodeMessage(bytes: Buffer): ReplicationMessage {
  const reader = new ByteReader(bytes);
  const kind = reader.letter();
  switch (kind) {
    case 'B':
      return { kind: 'begin', commitLsn: reader.uint64(), timestampMs: timeOf(reader.int64()) };
    case 'C':
      reader.byte();
      reader.uint64();
      return { kind: 'commit', endLsn: reader.uint64() };
    case 'R':
      return relation(reader);
    case 'I': {
      const relation = reader.uint32();
      expectLetter(reader, 'N');
      return { kind: 'insert', relation, row: tuple(reader) };
    }
    case 'U':
      return update(reader);
    case 'D': {
      const relation = reader.uint32();
      expectLetter(reader, 'KO');
      return { kind: 'delete', relation, before: tuple(reader) };
    }
    case 'T': {
      const count = reader.int32();
      reader.byte();
      return { kind: 'truncate', relations: listOf(count, () => reader.uint32()) };
    }
    case 'O': // where a replicated transaction comes from
    case 'Y': // the name of a type
    case 'M': // what pg_logical_emit_message() wrote
      return { kind: 'other' };
    default:
      throw new RangeError(`Messages of the kind '${kind}' are not known`);
  }
}

function relation(reader: ByteReader): ReplicationMessage {
  const relation = reader.uint32();
  reader.name();
  reader.name();
  reader.byte();
  const columns = listOf(reader.int16(), () => {
    reader.byte();
    const column = { name: reader.name(), type: reader.uint32() };
    reader.int32();
    return column;
  });
  return { kind: 'relation', relation, columns };
}

function update(reader: ByteReader): ReplicationMessage {
  const relation = reader.uint32();
  const hasBefore = expectLetter(reader, 'KON') !== 'N';
  const before = hasBefore ? tuple(reader) : undefined;
  if (hasBefore) expectLetter(reader, 'N');
  return { kind: 'update', relation, before, row: tuple(reader) };
}

function tuple(reader: ByteReader): Tuple {
  return listOf(reader.int16(), () => {
    switch (expectLetter(reader, 'nut')) {
      case 'n':
        return null;
      case 'u':
        return undefined;
      default:
        return reader.text(reader.int32());
    }
  });
}

function listOf<T>(count: number, read: () => T): T[] {
  if (count < 0) throw new RangeError(`A list of ${count}`);
  const list: T[] = [];
  for (let n = 0; n < count; n++) list.push(read());
  return list;
}

function expectLetter(reader: ByteReader, expected: string): string {
  const letter = reader.letter();
  if (!expected.includes(letter)) throw new RangeError(`'${letter}' where one of '${expected}' belongs`);
  return letter;
}
