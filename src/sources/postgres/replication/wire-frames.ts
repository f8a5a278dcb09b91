import { ByteReader } from './byte-reader.js';
import type { Lsn } from './lsn.js';
import { type ReplicationMessage, decodeMessage, microsecondsNow } from './pgoutput.js';

/** What comes from a walsender. */
export type Frame =
  | { kind: 'message'; message: ReplicationMessage; bytes: number }
  /** Everything that was committed before `walEnd` has been sent. */
  | { kind: 'alive'; walEnd: Lsn; wantsReply: boolean };

/** @see https://www.postgresql.org/docs/current/protocol-replication.html */
export function decodeFrame(bytes: Buffer): Frame {
  const reader = new ByteReader(bytes);
  const kind = reader.letter();
  if (kind === 'w') {
    reader.uint64();
    reader.uint64();
    reader.int64();
    return { kind: 'message', message: decodeMessage(reader.rest()), bytes: bytes.length };
  }
  if (kind !== 'k') throw new RangeError(`Frames of the kind '${kind}' are not known`);
  const walEnd = reader.uint64();
  reader.int64();
  return { kind: 'alive', walEnd, wantsReply: reader.byte() === 1 };
}

/** Tells the server what it may forget, and that somebody is here. */
export function encodeStatus(applied: Lsn, wantsReply: boolean): Buffer {
  const bytes = Buffer.alloc(34);
  bytes.write('r', 0, 'latin1');
  for (const at of [1, 9, 17]) bytes.writeBigUInt64BE(applied, at); // written, flushed, applied
  bytes.writeBigInt64BE(microsecondsNow(), 25);
  bytes.writeUInt8(wantsReply ? 1 : 0, 33);
  return bytes;
}
