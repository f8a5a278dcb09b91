import { debeziumMessages } from '../../src/sources/debezium/index.js';
import { type KeyAndValue, message, tombstone } from '../support/debezium-messages.js';

interface Row {
  id: string;
  name: string;
}

const buffers = ({ key, value }: KeyAndValue) => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});
const upsert = (lsn: number, timestampMs = lsn) =>
  buffers(message({ id: 5 }, { op: 'u', after: { id: 5, name: `at ${lsn}` }, lsn, timestampMs }));
const row = (snapshot: string) =>
  buffers(message({ id: 5 }, { op: 'r', after: { id: 5, name: 'read' }, lsn: 90, snapshot }));
const at = (lsn: number) => ({
  op: 'upsert',
  id: '5',
  record: { id: '5', name: `at ${lsn}` },
  timestampMs: lsn,
});

describe('a reader of messages of Debezium', () => {
  it('gives the changes of each, unless they are older than those before', () => {
    const read = debeziumMessages<Row>().begin();
    const gone = buffers(message({ id: 5 }, { op: 'd', lsn: 30, timestampMs: 30 }));
    expect(
      [upsert(10), upsert(20), upsert(10), gone, buffers(tombstone({ id: 5 })), upsert(20)].map(
        (each) => read(each).changes,
      ),
    ).toEqual([[at(10)], [at(20)], [], [{ op: 'delete', id: '5', timestampMs: 30 }], [], []]);
  });

  it('knows what it was shown, and no other does', () => {
    const messages = debeziumMessages<Row>();
    const [read, another] = [messages.begin(), messages.begin()];
    read(upsert(20));
    expect([read(upsert(10)).changes, another(upsert(10)).changes]).toEqual([[], [at(10)]]);
  });

  it('says in words that a load is needed where a snapshot begins, also as the first thing it sees', () => {
    const loadNeeded = expect.stringMatching(
      /^Debezium begins a snapshot, and does not tell what was deleted/,
    );
    const read = debeziumMessages<Row>().begin();
    expect(
      [upsert(10), row('first'), row('true'), row('last'), upsert(20)].map((each) => read(each)),
    ).toMatchObject([
      { loadNeeded: undefined },
      { loadNeeded },
      { loadNeeded: undefined },
      { loadNeeded: undefined },
      { loadNeeded: undefined },
    ]);
    expect(debeziumMessages<Row>().begin()(row('true'))).toMatchObject({ loadNeeded });
    expect(debeziumMessages<Row>().begin()(row('incremental'))).toMatchObject({ loadNeeded: undefined });
  });

  it('says that a load is needed when a truncate comes late', () => {
    const read = debeziumMessages<Row>().begin();
    read(upsert(20));
    const truncate = buffers(message(null, { op: 't', lsn: 10 }));
    expect(read(truncate)).toEqual({
      changes: [],
      loadNeeded: expect.stringMatching(/^The table was truncated/),
    });
  });

  it('warns of a database whose log begins lower', () => {
    const read = debeziumMessages<Row>().begin();
    read(upsert(100));
    const warnings = Array.from({ length: 12 }, (_, n) => read(upsert(10 + n, 200 + n)).warning);
    expect(warnings.filter((warning) => warning)).toEqual([
      { code: 'log-set-back', message: expect.stringMatching(/^10 changes were left out/) },
    ]);
  });

  it('takes the options of the decoder, and hands on what makes no sense', () => {
    const read = debeziumMessages<Row>({ keyColumns: ['name'], orderWindow: 0 }).begin();
    expect(read(upsert(10)).changes).toMatchObject([{ id: 'at 10' }]);
    expect(read({ key: null, value: 'Obj\u0001' }).changes).toMatchObject([{ op: 'invalid' }]);
  });
});
