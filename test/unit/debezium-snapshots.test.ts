import { type KeyAndValue, flattened, message, payloadOf } from '../support/debezium-messages.js';
import { DebeziumReading, readRow, upsert } from '../support/debezium-reading.js';

describe('rows of a snapshot', () => {
  it('need a load where they begin, and only there', () => {
    const reading = new DebeziumReading().read(
      upsert(1, 10, 'a'),
      readRow(1, 50, 'a', 'first_in_data_collection'),
      readRow(2, 50, 'b', 'true'),
      readRow(3, 50, 'c', 'last_in_data_collection'),
      upsert(1, 60, 'd'),
    );
    expect(reading.needs).toEqual(['snapshot-begun']);
  });

  it.each(['first', 'last', 'last_in_data_collection', 'true'])(
    'begin also with a single one: %s',
    (marker) => {
      expect(new DebeziumReading().read(upsert(1, 10, 'a'), readRow(1, 50, 'a', marker)).needs).toHaveLength(
        1,
      );
      expect(new DebeziumReading().read(readRow(1, 50, 'a', marker), upsert(1, 60, 'b')).needs).toHaveLength(
        1,
      );
    },
  );

  it('are no beginning to who was told of those before', () => {
    const reading = new DebeziumReading().past(
      upsert(1, 10, 'a'),
      readRow(1, 50, 'a', 'first'),
      readRow(2, 50, 'b', 'true'),
    );
    expect(reading.read(readRow(3, 50, 'c', 'true'), readRow(4, 50, 'd', 'last')).needs).toEqual([]);
  });

  it('begin one although no record can be made of the first', () => {
    const map = ({ name }: Record<string, unknown>) => (name === 'b' ? (null as never) : { name });
    const reading = new DebeziumReading(100, { map }).read(upsert(1, 10, 'a'), readRow(2, 50, 'b', 'first'));
    expect(reading.needs).toEqual(['snapshot-begun']);
  });

  it('of an incremental snapshot need nothing', () => {
    const reading = new DebeziumReading().read(
      upsert(1, 10, 'a'),
      readRow(2, 50, 'b', 'incremental'),
      upsert(1, 60, 'c'),
    );
    expect(reading.needs).toEqual([]);
    expect(reading.state).toEqual({ 1: 'c', 2: 'b' });
  });

  it('do not replace what is newer, and nothing is older than them', () => {
    const late = new DebeziumReading().read(upsert(1, 60, 'newer'), readRow(1, 50, 'row', 'incremental'));
    expect(late.state).toEqual({ 1: 'newer' });
    // A transaction that was open when the snapshot was taken is told after it, with a position before it.
    const open = new DebeziumReading().read(readRow(1, 50, 'row', 'last'), upsert(1, 45, 'committed later'));
    expect(open.state).toEqual({ 1: 'committed later' });
  });

  it('may be those of another database, where positions begin anew', () => {
    const reading = new DebeziumReading().read(
      upsert(1, 1_000, 'old'),
      readRow(1, 5, 'row', 'first'),
      upsert(1, 9, 'new'),
    );
    expect(reading.state).toEqual({ 1: 'new' });
  });

  it('make what was remembered before them void', () => {
    const reading = new DebeziumReading().past(upsert(1, 1_000, 'old'), readRow(1, 5, 'row', 'last'));
    expect(reading.read(upsert(1, 9, 'new')).state).toEqual({ 1: 'new' });
  });
});

describe('a flattened row of a snapshot', () => {
  const at = (op: string, lsn: number, snapshot?: string) => {
    const { key, value } = flattened({ id: 1 }, { id: 1, name: `${op} at ${lsn}` }, { op, lsn });
    const told = { ...(JSON.parse(value!) as object), ...(snapshot && { __source_snapshot: snapshot }) };
    return { key, value: JSON.stringify(told) };
  };

  it('makes no change look old, though nothing says which row it is', () => {
    const reading = new DebeziumReading().read(at('r', 100), at('u', 90));
    expect(reading.state).toEqual({ 1: 'u at 90' });
    expect(reading.needs).toEqual([]);
  });

  it('begins one where the transformation adds that', () => {
    expect(new DebeziumReading().read(at('u', 90), at('r', 100, 'first')).needs).toEqual(['snapshot-begun']);
  });
});

describe('a database whose log begins lower than before', () => {
  const at = (lsn: number, timestampMs: number) => upsert(1, lsn, `at ${timestampMs}`, { timestampMs });
  const many = (count: number, make: (n: number) => KeyAndValue) =>
    Array.from({ length: count }, (_, n) => make(n));

  it('is warned of, again at each tenfold of what was left out, as times go on though positions do not', () => {
    const reading = new DebeziumReading().read(at(10_000, 5));
    expect(reading.read(...many(9, (n) => at(n, 6 + n))).warnings).toEqual([]);
    expect(reading.read(...many(1_000, (n) => at(10 + n, 20 + n))).warnings).toEqual([
      'log-set-back: 10',
      'log-set-back: 100',
      'log-set-back: 1000',
    ]);
    expect(reading.state).toEqual({ 1: 'at 5' });
  });

  it('is not what Debezium tells again after a crash', () => {
    const told = many(500, (n) => at(10 + n, 100 + Math.floor(n / 50)));
    expect(new DebeziumReading().read(...told, ...told).warnings).toEqual([]);
  });

  it('is warned of where there are no times', () => {
    const told = many(20, (n) => {
      const { source, ...rest } = payloadOf({ op: 'u', after: { id: 1, name: 'a' }, lsn: 1_000 - n });
      return {
        key: '{"id":1}',
        value: JSON.stringify({ ...rest, source: { ...(source as object), ts_ms: null } }),
      };
    });
    expect(new DebeziumReading().read(...told).warnings).toEqual(['log-set-back: 10']);
  });

  it('is told of a truncate, too', () => {
    const reading = new DebeziumReading().read(message(null, { op: 't', lsn: 10_000, timestampMs: 5 }));
    expect(reading.read(...many(10, (n) => at(n, 6 + n))).warnings).toEqual(['log-set-back: 10']);
  });

  it('is another one from where a snapshot begins', () => {
    const reading = new DebeziumReading().read(at(10_000, 5), ...many(9, (n) => at(n, 6 + n)));
    reading.read(readRow(2, 50, 'b', 'last'), at(51, 20), ...many(9, (n) => at(n, 30 + n)));
    expect(reading.state).toEqual({ 1: 'at 20', 2: 'b' });
    expect(reading.warnings).toEqual([]);
  });
});
