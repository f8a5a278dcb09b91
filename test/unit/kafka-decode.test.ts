import { changesIn, decodeJson, readingOf } from '../../src/sources/kafka/decode.js';
import type { Decoded, KafkaMessage } from '../../src/sources/kafka/index.js';

function messageOf(key: string | null, value: string | null): KafkaMessage {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  const where = { topic: 'items', partition: 3, offset: 17n, headers: new Map(), timestampMs: 1_234 };
  return { ...where, key: bytes(key), value: bytes(value) };
}

const json = { decode: decodeJson, keyIsId: true };
const decoded = (key: string | null, value: string | null) => changesIn(messageOf(key, value), json);

describe('a message of Kafka, decoded', () => {
  it('is a record with its key as id', () => {
    expect(decoded('a', '{"name":"A"}')).toEqual([
      { op: 'upsert', id: 'a', record: { id: 'a', name: 'A' }, timestampMs: 1_234 },
    ]);
    expect(decoded('7', '{"id":7}')).toMatchObject([{ id: '7', record: { id: '7' } }]);
  });

  it('removes a record as a tombstone', () => {
    expect(decoded('a', null)).toEqual([{ op: 'delete', id: 'a', timestampMs: 1_234 }]);
  });

  it.each([
    [null, '{}', 'there is no key'],
    ['', '{}', 'there is no key'],
    ['a', '{"half":', 'the value is not JSON'],
    ['a', '[1]', 'the value is not an object'],
    ['a', 'null', 'the value is not an object'],
    ['a', '{"id":"b"}', "the record's id is not the key a"],
  ])('is a dead letter with the reason (%#)', (key, value, reason) => {
    expect(decoded(key, value)).toEqual([
      {
        op: 'invalid',
        ...(key && { id: key }),
        raw: { topic: 'items', partition: 3, offset: '17', key, value },
        reason: `the message makes no sense: ${reason}`,
        timestampMs: 1_234,
      },
    ]);
  });

  it.each([
    [() => ({ op: 'nonsense' }), 'something that is no change'],
    [() => ({ op: 'upsert', record: {} }), 'a change without an id'],
    [() => [{ op: 'delete', id: 'a' }, undefined], 'something that is no change'],
    [() => 'text', 'something that is no change'],
  ])('is a dead letter where the function gives nonsense (%#)', (decode, reason) => {
    const changes = changesIn(messageOf('a', '{}'), {
      decode: decode as unknown as () => Decoded<object>,
      keyIsId: false,
    });
    expect(changes).toMatchObject([{ op: 'invalid', reason: expect.stringContaining(reason) }]);
  });

  it('may say more than changes can', () => {
    const said = { changes: [{ op: 'delete', id: 'a' } as const], loadNeeded: 'because of that' };
    expect(readingOf(messageOf('a', '{}'), { decode: () => said, keyIsId: false })).toEqual({
      changes: [{ op: 'delete', id: 'a', timestampMs: 1_234 }],
      loadNeeded: 'because of that',
    });
  });

  it('is nothing, or several changes, or one with a time of its own', () => {
    const with_ = (result: Decoded<object>) =>
      changesIn(messageOf('a', '{}'), { decode: () => result, keyIsId: false });
    expect(with_(undefined)).toEqual([]);
    expect(with_(null)).toEqual([]);
    expect(with_([])).toEqual([]);
    expect(
      with_([
        { op: 'delete', id: 'a' },
        { op: 'truncate', timestampMs: 5 },
      ]),
    ).toEqual([
      { op: 'delete', id: 'a', timestampMs: 1_234 },
      { op: 'truncate', timestampMs: 5 },
    ]);
  });
});
