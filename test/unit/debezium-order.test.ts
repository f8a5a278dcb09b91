import fc from 'fast-check';
import { flattened, message, payloadOf, tombstone, unavailable } from '../support/debezium-messages.js';
import { DebeziumReading, upsert } from '../support/debezium-reading.js';

const removal = (id: number, lsn: number) => message({ id }, { op: 'd', before: { id }, lsn });

describe('events of one record', () => {
  it('are applied in order, and an older one after a newer one is not', () => {
    expect(
      new DebeziumReading().read(upsert(1, 10, 'a'), upsert(1, 20, 'b'), upsert(1, 10, 'a')).state,
    ).toEqual({
      1: 'b',
    });
  });

  it('may come twice', () => {
    const both = [upsert(1, 10, 'a'), upsert(1, 20, 'b')];
    expect(new DebeziumReading().read(...both, ...both).state).toEqual({ 1: 'b' });
  });

  it('do not bring back what was deleted', () => {
    expect(new DebeziumReading().read(upsert(1, 10, 'a'), removal(1, 20), upsert(1, 10, 'a')).state).toEqual(
      {},
    );
  });

  it('are not undone by a tombstone that comes late', () => {
    const reading = new DebeziumReading().read(removal(1, 10), upsert(1, 20, 'again'), tombstone({ id: 1 }));
    expect(reading.state).toEqual({ 1: 'again' });
  });

  it('are undone by the tombstone where flattened rows do not tell of deletions', () => {
    const { key, value } = flattened({ id: 1 }, { id: 1, name: 'a' });
    const { __deleted, ...told } = JSON.parse(value!) as Record<string, unknown>;
    expect(__deleted).toBe('false');
    const reading = new DebeziumReading().read({ key, value: JSON.stringify(told) }, tombstone({ id: 1 }));
    expect(reading.state).toEqual({});
  });

  it('are not undone by a tombstone that comes late where flattened rows tell of deletions', () => {
    const at = (lsn: number, deleted?: 'true') =>
      flattened({ id: 1 }, { id: 1, name: `at ${lsn}` }, { lsn, ...(deleted && { op: 'd', deleted }) });
    const late = new DebeziumReading().read(at(10), at(20, 'true'), at(30), tombstone({ id: 1 }));
    expect(late.state).toEqual({ 1: 'at 30' });
    expect(late.read(at(20, 'true'), tombstone({ id: 1 })).state).toEqual({ 1: 'at 30' });
    expect(late.read(at(40, 'true'), tombstone({ id: 1 })).state).toEqual({});
  });

  it('are known from what was delivered before', () => {
    const reading = new DebeziumReading().past(upsert(1, 10, 'a'), upsert(1, 20, 'b'), removal(2, 20));
    expect(reading.read(upsert(1, 10, 'a'), upsert(2, 10, 'a'), upsert(1, 20, 'b')).state).toEqual({
      1: 'b',
    });
  });

  it('are forgotten when more records than are remembered have changed since', () => {
    const others = Array.from({ length: 5 }, (_, n) => upsert(10 + n, 30 + n, 'other'));
    expect(
      new DebeziumReading(5).read(upsert(1, 20, 'b'), ...others, upsert(1, 10, 'a')).state,
    ).toMatchObject({
      1: 'a',
    });
    expect(
      new DebeziumReading(6).read(upsert(1, 20, 'b'), ...others, upsert(1, 10, 'a')).state,
    ).toMatchObject({
      1: 'b',
    });
  });

  it('end in the state of the latest one, in whatever order and however often they come', () => {
    const events = fc.shuffledSubarray([10, 20, 30, 40, 50], { minLength: 1 });
    fc.assert(
      fc.property(events, events, (first, again) => {
        const name = (lsn: number) => upsert(1, lsn, `at ${lsn}`);
        const reading = new DebeziumReading().read(...first.map(name), ...again.map(name));
        expect(reading.state).toEqual({ 1: `at ${Math.max(...first, ...again)}` });
      }),
    );
  });
});

describe('events that change the id of a record', () => {
  const slug = (id: number, lsn: number, before: string | null, after: string) =>
    message(
      { id },
      {
        op: 'u',
        before: before === null ? null : { id, slug: before },
        after: { id, slug: after, name: `${id} at ${lsn}` },
        lsn,
      },
    );
  const reading = () => new DebeziumReading(100, { keyColumns: ['slug'] });

  it('remove it under the former one', () => {
    expect(reading().read(slug(1, 10, null, 'a'), slug(1, 20, 'a', 'b')).state).toEqual({ b: '1 at 20' });
  });

  it('do not remove, when they come late, what has that id since', () => {
    const [first, moved, other] = [slug(1, 10, null, 'a'), slug(1, 20, 'a', 'b'), slug(2, 30, null, 'a')]; // prettier-ignore
    expect(reading().read(first, other, moved).state).toEqual({ a: '2 at 30', b: '1 at 20' });
    expect(reading().read(first, moved, other, moved, other).state).toEqual({ a: '2 at 30', b: '1 at 20' });
  });

  it('still remove it under the former one when a newer event came before them', () => {
    const late = reading().read(slug(1, 10, null, 'a'), slug(1, 30, 'b', 'b'), slug(1, 20, 'a', 'b'));
    expect(late.state).toEqual({ b: '1 at 30' });
    expect(late.read(slug(1, 10, null, 'a'), slug(1, 20, 'a', 'b')).state).toEqual({ b: '1 at 30' });
  });
});

describe('events with values that were not logged', () => {
  const changed = (lsn: number, name: string, text: string) =>
    message({ id: 1 }, { op: 'u', after: { id: 1, name, text }, lsn });

  it('leave what an older event has still to bring to it, though it comes late', () => {
    const reading = new DebeziumReading().read(
      changed(10, 'a', 'old'),
      changed(30, 'c', unavailable),
      changed(20, 'b', 'new'),
    );
    expect(reading.records.get('1')).toEqual({ id: '1', name: 'c', text: 'new' });
    reading.read(changed(10, 'a', 'old'));
    expect(reading.records.get('1')).toEqual({ id: '1', name: 'c', text: 'new' });
  });

  it('end in the same state in whatever order they come after the first', () => {
    const later = [
      changed(20, 'b', 'second'),
      changed(30, 'c', unavailable),
      changed(40, 'd', 'fourth'),
      changed(50, 'e', unavailable),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(later, { minLength: 4 }), (events) => {
        const reading = new DebeziumReading().read(changed(10, 'a', 'first'), ...events);
        expect(reading.records.get('1')).toEqual({ id: '1', name: 'e', text: 'fourth' });
      }),
    );
  });
});

describe('a truncate', () => {
  const truncate = (lsn: number) => message(null, { op: 't', lsn });

  it('removes what was before it, and older events that come late', () => {
    const reading = new DebeziumReading().read(
      upsert(1, 10, 'a'),
      truncate(20),
      upsert(1, 10, 'a'),
      upsert(2, 30, 'b'),
    );
    expect(reading.state).toEqual({ 2: 'b' });
  });

  it('that comes again removes nothing', () => {
    const reading = new DebeziumReading().read(
      truncate(20),
      upsert(1, 30, 'a'),
      truncate(20),
      upsert(1, 30, 'a'),
    );
    expect(reading.state).toEqual({ 1: 'a' });
    expect(reading.needs).toEqual([]);
  });

  it('that was overtaken needs a load', () => {
    expect(new DebeziumReading().read(upsert(1, 30, 'a'), truncate(20)).needs).toEqual([
      'truncate-overtaken',
    ]);
  });

  it('is remembered', () => {
    const reading = new DebeziumReading().past(upsert(1, 10, 'a'), truncate(20), upsert(2, 30, 'b'));
    expect(reading.read(truncate(20), upsert(1, 10, 'a'), upsert(2, 30, 'b')).state).toEqual({ 2: 'b' });
    expect(reading.needs).toEqual([]);
  });
});

describe('events without a position', () => {
  it('are all applied', () => {
    const at = (name: string) => {
      const value = payloadOf({ op: 'u', after: { id: 1, name } });
      return {
        key: '{"id":1}',
        value: JSON.stringify({ ...value, source: { connector: 'other', ts_ms: 5 } }),
      };
    };
    expect(new DebeziumReading().read(at('a'), at('b'), at('a')).state).toEqual({ 1: 'a' });
  });
});
