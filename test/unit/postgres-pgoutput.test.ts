import fc from 'fast-check';
import {
  type ReplicationMessage,
  decodeMessage,
  timeOf,
} from '../../src/sources/postgres/replication/pgoutput.js';
import { decodeFrame, encodeStatus } from '../../src/sources/postgres/replication/wire-frames.js';

const byte = (value: number) => Buffer.from([value]);
const letter = (text: string) => Buffer.from(text, 'latin1');
const name = (text: string) => Buffer.concat([Buffer.from(text), byte(0)]);
const int16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};

type Value = string | null | undefined;

function tuple(values: readonly Value[]): Buffer {
  const parts = values.map((value) => {
    if (value === null) return letter('n');
    if (value === undefined) return letter('u');
    const bytes = Buffer.from(value);
    return Buffer.concat([letter('t'), uint32(bytes.length), bytes]);
  });
  return Buffer.concat([int16(values.length), ...parts]);
}

const anyValue = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(null), fc.constant(undefined));
const anyTuple = fc.array(anyValue, { maxLength: 20 });
const anyRelation = fc.integer({ min: 1, max: 0xffffffff });

describe('decodeMessage()', () => {
  it('reads rows whatever is in them', () => {
    fc.assert(
      fc.property(anyRelation, anyTuple, fc.option(anyTuple, { nil: undefined }), (relation, row, before) => {
        const head = uint32(relation);
        const old = before ? [letter('O'), tuple(before)] : [];
        expect(decodeMessage(Buffer.concat([letter('I'), head, letter('N'), tuple(row)]))).toEqual({
          kind: 'insert',
          relation,
          row,
        });
        expect(decodeMessage(Buffer.concat([letter('U'), head, ...old, letter('N'), tuple(row)]))).toEqual({
          kind: 'update',
          relation,
          before,
          row,
        });
        expect(decodeMessage(Buffer.concat([letter('D'), head, letter('K'), tuple(row)]))).toEqual({
          kind: 'delete',
          relation,
          before: row,
        });
      }),
    );
  });

  it('reads what is around rows', () => {
    const begin = Buffer.concat([letter('B'), int64(0x116b3748n), int64(1_000_000n), uint32(7)]);
    const commit = Buffer.concat([letter('C'), byte(0), int64(1n), int64(0x216b3748n), int64(0n)]);
    const column = (text: string, type: number) =>
      Buffer.concat([byte(1), name(text), uint32(type), uint32(0xffffffff)]);
    const relation = Buffer.concat([
      letter('R'),
      uint32(16_384),
      name('public'),
      name('cätegory'),
      letter('d'),
      int16(2),
      column('id', 25),
      column('größe', 23),
    ]);
    const truncate = Buffer.concat([letter('T'), uint32(2), byte(1), uint32(1), uint32(2)]);
    const read: ReplicationMessage[] = [begin, commit, relation, truncate, letter('Y'), letter('O')].map(
      decodeMessage,
    );
    expect(read).toEqual([
      { kind: 'begin', commitLsn: 0x116b3748n, timestampMs: Date.UTC(2000, 0, 1, 0, 0, 1) },
      { kind: 'commit', endLsn: 0x216b3748n },
      {
        kind: 'relation',
        relation: 16_384,
        columns: [
          { name: 'id', type: 25 },
          { name: 'größe', type: 23 },
        ],
      },
      { kind: 'truncate', relations: [1, 2] },
      { kind: 'other' },
      { kind: 'other' },
    ]);
  });

  it('never takes a part of a message for a whole one', () => {
    fc.assert(
      fc.property(anyTuple, fc.double({ min: 0, max: 0.999, noNaN: true }), (row, share) => {
        const whole = Buffer.concat([letter('I'), uint32(1), letter('N'), tuple(row)]);
        const part = whole.subarray(0, Math.floor(whole.length * share));
        expect(() => decodeMessage(part)).toThrow(RangeError);
      }),
    );
  });

  it('answers any bytes with a message or a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(decodeMessage(Buffer.from(bytes)).kind).toMatch(/\w/);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }),
    );
  });
});

describe('the frames', () => {
  it('hold messages, and signs of life', () => {
    const head = [letter('w'), int64(1n), int64(2n), int64(3n)];
    const message = Buffer.concat([...head, letter('Y')]);
    expect(decodeFrame(message)).toEqual({ kind: 'message', message: { kind: 'other' }, bytes: 26 });
    const alive = Buffer.concat([letter('k'), int64(5n), int64(6n), byte(1)]);
    expect(decodeFrame(alive)).toEqual({ kind: 'alive', walEnd: 5n, wantsReply: true });
    expect(() => decodeFrame(letter('z'))).toThrow(RangeError);
  });

  it('are answered with what is applied, and by when', () => {
    const status = encodeStatus(0xffffffffffn, true);
    expect(status).toHaveLength(34);
    expect(status.toString('latin1', 0, 1)).toBe('r');
    for (const at of [1, 9, 17]) expect(status.readBigUInt64BE(at)).toBe(0xffffffffffn);
    expect(Math.abs(timeOf(status.readBigInt64BE(25)) - Date.now())).toBeLessThan(5_000);
    expect(status[33]).toBe(1);
  });
});
