import { HeldMessages } from '../../src/sources/kafka/held-messages.js';
import { committedIn } from '../../src/sources/kafka/kafkajs/committed-messages.js';
import type { KafkajsMessage } from '../../src/sources/kafka/kafkajs/kafkajs.js';
import { messageOf } from '../../src/sources/kafka/kafkajs/kafkajs-message.js';
import { PartitionSlots } from '../../src/sources/kafka/kafkajs/partition-slots.js';
import { fetchedOf } from '../../src/sources/kafka/platformatic/fetched-batches.js';
import type { PlatformaticBatch } from '../../src/sources/kafka/platformatic/platformatic-consumer.js';
import { fetched } from '../support/kafka-scripted-reader.js';

const at = (...offsets: number[]) => new Map(offsets.map((offset, partition) => [partition, BigInt(offset)]));

describe('messages that are held', () => {
  it('are handed on up to the limits, and the rest when these are gone', () => {
    const held = new HeldMessages(at(0, 0));
    held.hold(fetched(0, 0, 6, { 1: 'a', 4: 'b' }));
    expect(held.wanted(undefined)).toEqual(new Map([[1, 0n]]));
    const first = held.shift(at(3, 0));
    expect(first?.offset).toBe(1n);
    held.handedOn(first!);
    expect(held.shift(at(3, 0))).toBeUndefined();
    expect(held.offsets).toEqual(at(3, 0));
    expect(held.read).toEqual(at(6, 0));
    expect(held.wanted(at(3, 0))).toEqual(new Map());
    const second = held.shift(undefined);
    held.handedOn(second!);
    expect(held.shift(undefined)).toBeUndefined();
    expect(held.offsets).toEqual(at(6, 0));
    expect(held.wanted(undefined)).toEqual(at(6, 0));
  });
});

describe('what kafkajs leaves of transactions', () => {
  const abortMark = '\0\0\0\0';
  const entry = (
    offset: number,
    producerId: number,
    text: string,
    isControlRecord = false,
  ): KafkajsMessage => ({
    key: Buffer.from(text),
    value: null,
    offset: String(offset),
    timestamp: '1',
    isControlRecord,
    batchContext: { producerId: String(producerId), inTransaction: producerId >= 0 },
  });
  const batchOf = (rawMessages: KafkajsMessage[], messages = rawMessages, fetchedOffset = '0') => {
    const lastOffset = () => rawMessages.at(-1)?.offset ?? '';
    return committedIn({ topic: 't', partition: 0, messages, rawMessages, fetchedOffset, lastOffset });
  };
  const kept = (...given: Parameters<typeof batchOf>) =>
    batchOf(...given).messages.map(({ key }) => String(key));

  it('is looked at again: a transaction ends as its mark says', () => {
    const raw = [
      entry(0, 7, 'aborted'),
      entry(1, 8, 'kept'),
      entry(2, -1, 'plain'),
      entry(3, 7, abortMark, true),
      entry(4, 8, '\0\0\0\x01', true),
      entry(5, 7, 'kept too'),
      entry(6, 7, '\0\0\0\x01', true),
    ];
    expect(kept(raw)).toEqual(['kept', 'plain', 'kept too']);
    expect(kept(raw, [], '2')).toEqual(['plain', 'kept too']);
    expect(batchOf(raw).next).toBe(7n);
  });

  it('is not taken for a mark when its key is the number 0', () => {
    const raw = [entry(0, 7, abortMark), entry(1, 7, 'aborted'), entry(2, 7, abortMark, true)];
    expect(kept(raw)).toEqual([]);
  });

  it('is read again from where a transaction begins whose mark is not there yet', () => {
    const raw = [entry(0, -1, 'plain'), entry(2, 7, 'who knows'), entry(3, -1, 'later')];
    expect(kept(raw)).toEqual(['plain']);
    expect(batchOf(raw).next).toBe(2n);
  });

  it('is believed where a transaction is larger than what comes at once: a limit of kafkajs', () => {
    const raw = [entry(2, 7, 'aborted'), entry(3, 8, 'kept')];
    expect(kept(raw, [raw[1]!])).toEqual(['kept']);
    expect(batchOf(raw).next).toBe(4n);
  });

  it('is believed where nothing is known of transactions', () => {
    const messages = [{ key: null, value: null, offset: '0', timestamp: '1' }];
    const given = committedIn({ topic: 't', partition: 0, messages, lastOffset: () => '0' });
    expect(given).toEqual({ messages, next: 1n });
  });
});

describe('what kafkajs pushes', () => {
  const arrival = (from: number, next: number, messages: Record<number, string> = {}) => ({
    ...fetched(0, from, next, messages),
  });

  it('is kept until it is taken, and goes on from there', () => {
    const slots = new PartitionSlots(at(5));
    expect(slots.receive(arrival(5, 8, { 5: 'a', 7: 'b' }))).toBe('kept');
    expect(slots.receive(arrival(8, 9, { 8: 'c' }))).toBe('full');
    expect(slots.take(at(4))).toEqual([]);
    expect(slots.take(at(5))).toMatchObject([{ from: 5n, next: 8n }]);
    expect(slots.receive(arrival(8, 9, { 8: 'c' }))).toBe('kept');
  });

  it('is cut where it was read before, and left alone where all of it was', () => {
    const slots = new PartitionSlots(at(5));
    expect(slots.receive(arrival(1, 5, { 1: 'a' }))).toBe('stale');
    expect(slots.receive(arrival(1, 7, { 1: 'a', 6: 'b' }))).toBe('kept');
    expect(slots.take(at(5))[0]?.messages.map(({ offset }) => offset)).toEqual([6n]);
  });

  it('is not taken for what comes next when it begins behind it', () => {
    const slots = new PartitionSlots(at(5));
    expect(slots.receive(arrival(6, 9, { 6: 'a' }))).toBe('jumped');
    expect(slots.receive({ ...arrival(6, 9), partition: 1 })).toBe('unwanted');
    expect(slots.expected).toEqual(at(5));
  });

  it('is read again from elsewhere when that is asked for', () => {
    const slots = new PartitionSlots(at(5));
    slots.receive(arrival(5, 8, { 5: 'a' }));
    expect(slots.expect(at(5))).toEqual([]);
    expect(slots.expect(at(2))).toEqual([0]);
    expect(slots.take(at(2))).toEqual([]);
    expect(slots.receive(arrival(2, 8, { 2: 'a' }))).toBe('kept');
  });

  it('has headers, of which the last counts', () => {
    const headers = { one: 'text', more: [Buffer.from('1'), '2'], none: undefined };
    const given = { key: null, value: null, offset: '5', timestamp: '1700000000000', headers };
    const read = messageOf({ topic: 't', partition: 2 }, given);
    expect(read).toMatchObject({ topic: 't', partition: 2, offset: 5n, timestampMs: 1_700_000_000_000 });
    expect([...read.headers].map(([name, value]) => [name, value?.toString() ?? null])).toEqual([
      ['one', 'text'],
      ['more', '2'],
      ['none', null],
    ]);
  });
});

describe('what @platformatic/kafka fetches', () => {
  const batch = (
    first: number,
    keys: string[],
    more: Partial<PlatformaticBatch> = {},
  ): PlatformaticBatch => ({
    firstOffset: BigInt(first),
    lastOffsetDelta: keys.length - 1,
    attributes: 0,
    firstTimestamp: 1_000n,
    maxTimestamp: 9_000n,
    producerId: -1n,
    records: keys.map((key, offsetDelta) => ({
      offsetDelta,
      timestampDelta: 5n,
      key: Buffer.from(key),
      value: null,
      headers: [[Buffer.from('h'), Buffer.from('v')]],
    })),
    ...more,
  });
  const mark = (offset: number, type: number) =>
    batch(offset, [String.fromCharCode(0, 0, 0, type)], { attributes: 0x30, producerId: 7n });
  const inTransaction = { attributes: 0x10, producerId: 7n };
  const read = (records: PlatformaticBatch[], aborted: number[] = [], from = 0n) => {
    const abortedTransactions = aborted.map((first) => ({ producerId: 7n, firstOffset: BigInt(first) }));
    return fetchedOf('t', from, { partitionIndex: 0, records, abortedTransactions });
  };
  const keys = (given: ReturnType<typeof read>) => given?.messages.map(({ key }) => String(key));

  it('is nothing, or messages from the offset on', () => {
    expect(read([])).toBeUndefined();
    expect(fetchedOf('t', 0n, { partitionIndex: 0, abortedTransactions: null })).toBeUndefined();
    const given = read([batch(3, ['a', 'b', 'c'])], [], 4n);
    expect(keys(given)).toEqual(['b', 'c']);
    expect(given).toMatchObject({ from: 4n, next: 6n });
    expect(given?.messages[0]).toMatchObject({ offset: 4n, timestampMs: 1_005 });
    expect(String(given?.messages[0]?.headers.get('h'))).toBe('v');
  });

  it('ends behind what compaction took from the end of a batch', () => {
    expect(read([batch(3, ['a'], { lastOffsetDelta: 6 })])?.next).toBe(10n);
    expect(read([batch(3, [], { lastOffsetDelta: 6 })])).toMatchObject({ next: 10n, messages: [] });
  });

  it('has the time of the log where that is what counts', () => {
    expect(read([batch(0, ['a'], { attributes: 0x08 })])?.messages[0]?.timestampMs).toBe(9_000);
  });

  it('is without what was aborted, in every transaction of a producer, and without marks', () => {
    const given = read(
      [
        batch(0, ['gone'], inTransaction),
        mark(1, 0),
        batch(2, ['kept'], inTransaction),
        mark(3, 1),
        batch(4, ['gone'], inTransaction),
        batch(5, ['other']),
        mark(6, 0),
        batch(7, ['last'], inTransaction),
      ],
      [4, 0],
    );
    expect(keys(given)).toEqual(['kept', 'other', 'last']);
    expect(given?.next).toBe(8n);
  });
});
