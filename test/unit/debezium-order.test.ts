import fc from 'fast-check';
import { comparePositions } from '../../src/sources/debezium/index.js';
import { resolveDecodeOptions } from '../../src/sources/debezium/decode-options.js';
import { EventReader } from '../../src/sources/debezium/event-reader.js';
import { type SourcePosition, positionIn } from '../../src/sources/debezium/source-position.js';
import {
  type KeyAndValue,
  type PostgresEvent,
  flattened,
  message,
  payloadOf,
  tombstone,
  unavailable,
} from '../support/debezium-messages.js';

type Row = { id: string } & Record<string, unknown>;

/** Somebody who reads messages and keeps what they make of the records. */
class Reading {
  readonly records = new Map<string, Row>();
  readonly needs: (string | undefined)[] = [];
  readonly #reader: EventReader<Row>;

  constructor(orderWindow = 100) {
    this.#reader = new EventReader<Row>(resolveDecodeOptions('test', {}), orderWindow);
  }

  async remember(...deliveries: KeyAndValue[]): Promise<void> {
    async function* newestFirst() {
      await Promise.resolve();
      yield* [...deliveries].reverse();
    }
    await this.#reader.remember(newestFirst());
  }

  read(...deliveries: KeyAndValue[]): this {
    for (const delivery of deliveries) {
      const { changes, loadNeeded } = this.#reader.read(delivery);
      if (loadNeeded) this.needs.push(loadNeeded);
      for (const change of changes) {
        if (change.op === 'truncate') this.records.clear();
        if (change.op === 'delete') this.records.delete(change.id);
        if (change.op === 'upsert') {
          const base = change.partial ? this.records.get(change.id) : undefined;
          this.records.set(change.id, { ...base, ...change.record } as Row);
        }
      }
    }
    return this;
  }

  get state(): Record<string, unknown> {
    return Object.fromEntries([...this.records].map(([id, { name }]) => [id, name]));
  }
}

const upsert = (id: number, lsn: number, name: string, rest: Partial<PostgresEvent> = {}) =>
  message({ id }, { op: 'u', after: { id, name }, lsn, ...rest });
const removal = (id: number, lsn: number) => message({ id }, { op: 'd', before: { id }, lsn });
const row = (id: number, lsn: number, name: string, snapshot: string) =>
  upsert(id, lsn, name, { op: 'r', snapshot });

describe('events of one record', () => {
  it('are applied in order, and an older one after a newer one is not', () => {
    expect(new Reading().read(upsert(1, 10, 'a'), upsert(1, 20, 'b'), upsert(1, 10, 'a')).state).toEqual({
      1: 'b',
    });
  });

  it('may come twice', () => {
    const both = [upsert(1, 10, 'a'), upsert(1, 20, 'b')];
    expect(new Reading().read(...both, ...both).state).toEqual({ 1: 'b' });
  });

  it('do not bring back what was deleted', () => {
    expect(new Reading().read(upsert(1, 10, 'a'), removal(1, 20), upsert(1, 10, 'a')).state).toEqual({});
  });

  it('are not undone by a tombstone that comes late', () => {
    const reading = new Reading().read(removal(1, 10), upsert(1, 20, 'again'), tombstone({ id: 1 }));
    expect(reading.state).toEqual({ 1: 'again' });
  });

  it('are undone by the tombstone where rows are flattened', () => {
    const reading = new Reading().read(flattened({ id: 1 }, { id: 1, name: 'a' }), tombstone({ id: 1 }));
    expect(reading.state).toEqual({});
  });

  it('are known from what was delivered before', async () => {
    const reading = new Reading();
    await reading.remember(upsert(1, 10, 'a'), upsert(1, 20, 'b'), removal(2, 20));
    expect(reading.read(upsert(1, 10, 'a'), upsert(2, 10, 'a'), upsert(1, 20, 'b')).state).toEqual({
      1: 'b',
    });
  });

  it('are forgotten when more records than are remembered have changed since', () => {
    const others = Array.from({ length: 5 }, (_, n) => upsert(10 + n, 30 + n, 'other'));
    expect(new Reading(5).read(upsert(1, 20, 'b'), ...others, upsert(1, 10, 'a')).state).toMatchObject({
      1: 'a',
    });
    expect(new Reading(6).read(upsert(1, 20, 'b'), ...others, upsert(1, 10, 'a')).state).toMatchObject({
      1: 'b',
    });
  });

  it('end in the state of the latest one, in whatever order and however often they come', () => {
    const events = fc.shuffledSubarray([10, 20, 30, 40, 50], { minLength: 1 });
    fc.assert(
      fc.property(events, events, (first, again) => {
        const name = (lsn: number) => upsert(1, lsn, `at ${lsn}`);
        const reading = new Reading().read(...first.map(name), ...again.map(name));
        expect(reading.state).toEqual({ 1: `at ${Math.max(...first, ...again)}` });
      }),
    );
  });
});

describe('events with values that were not logged', () => {
  const changed = (lsn: number, name: string, text: string) =>
    message({ id: 1 }, { op: 'u', after: { id: 1, name, text }, lsn });

  it('leave what an older event has still to bring to it, though it comes late', () => {
    const reading = new Reading().read(
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
        const reading = new Reading().read(changed(10, 'a', 'first'), ...events);
        expect(reading.records.get('1')).toEqual({ id: '1', name: 'e', text: 'fourth' });
      }),
    );
  });
});

describe('a truncate', () => {
  const truncate = (lsn: number) => message(null, { op: 't', lsn });

  it('removes what was before it, and older events that come late', () => {
    const reading = new Reading().read(
      upsert(1, 10, 'a'),
      truncate(20),
      upsert(1, 10, 'a'),
      upsert(2, 30, 'b'),
    );
    expect(reading.state).toEqual({ 2: 'b' });
  });

  it('that comes again removes nothing', () => {
    const reading = new Reading().read(truncate(20), upsert(1, 30, 'a'), truncate(20), upsert(1, 30, 'a'));
    expect(reading.state).toEqual({ 1: 'a' });
    expect(reading.needs).toEqual([]);
  });

  it('that was overtaken needs a load', () => {
    expect(new Reading().read(upsert(1, 30, 'a'), truncate(20)).needs).toEqual(['truncate-overtaken']);
  });

  it('is remembered', async () => {
    const reading = new Reading();
    await reading.remember(upsert(1, 10, 'a'), truncate(20), upsert(2, 30, 'b'));
    expect(reading.read(truncate(20), upsert(1, 10, 'a'), upsert(2, 30, 'b')).state).toEqual({ 2: 'b' });
    expect(reading.needs).toEqual([]);
  });
});

describe('rows of a snapshot', () => {
  it('need a load where they begin, and only there', () => {
    const reading = new Reading().read(
      upsert(1, 10, 'a'),
      row(1, 50, 'a', 'first_in_data_collection'),
      row(2, 50, 'b', 'true'),
      row(3, 50, 'c', 'last_in_data_collection'),
      upsert(1, 60, 'd'),
    );
    expect(reading.needs).toEqual(['snapshot-begun']);
  });

  it.each(['first', 'last', 'last_in_data_collection', 'true'])(
    'begin also with a single one: %s',
    (marker) => {
      expect(new Reading().read(upsert(1, 10, 'a'), row(1, 50, 'a', marker)).needs).toHaveLength(1);
      expect(new Reading().read(row(1, 50, 'a', marker), upsert(1, 60, 'b')).needs).toHaveLength(1);
    },
  );

  it('are no beginning to who was told of those before', async () => {
    const reading = new Reading();
    await reading.remember(upsert(1, 10, 'a'), row(1, 50, 'a', 'first'), row(2, 50, 'b', 'true'));
    expect(reading.read(row(3, 50, 'c', 'true'), row(4, 50, 'd', 'last')).needs).toEqual([]);
  });

  it('of an incremental snapshot need nothing', () => {
    const reading = new Reading().read(
      upsert(1, 10, 'a'),
      row(2, 50, 'b', 'incremental'),
      upsert(1, 60, 'c'),
    );
    expect(reading.needs).toEqual([]);
    expect(reading.state).toEqual({ 1: 'c', 2: 'b' });
  });

  it('do not replace what is newer, and nothing is older than them', () => {
    const late = new Reading().read(upsert(1, 60, 'newer'), row(1, 50, 'row', 'incremental'));
    expect(late.state).toEqual({ 1: 'newer' });
    // A transaction that was open when the snapshot was taken is told after it, with a position before it.
    const open = new Reading().read(row(1, 50, 'row', 'last'), upsert(1, 45, 'committed later'));
    expect(open.state).toEqual({ 1: 'committed later' });
  });

  it('may be those of another database, where positions begin anew', () => {
    const reading = new Reading().read(
      upsert(1, 1_000, 'old'),
      row(1, 5, 'row', 'first'),
      upsert(1, 9, 'new'),
    );
    expect(reading.state).toEqual({ 1: 'new' });
  });

  it('make what was remembered before them void', async () => {
    const reading = new Reading();
    await reading.remember(upsert(1, 1_000, 'old'), row(1, 5, 'row', 'last'));
    expect(reading.read(upsert(1, 9, 'new')).state).toEqual({ 1: 'new' });
  });
});

describe('the position of an event', () => {
  const read = (metadata: Record<string, unknown>) => positionIn((name) => metadata[name]);
  const compare = (a: Record<string, unknown>, b: Record<string, unknown>) => {
    const positions = [read(a), read(b)] as [SourcePosition, SourcePosition];
    return [comparePositions(...positions), comparePositions(positions[1], positions[0])];
  };

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['Postgres', { lsn: 999 }, { lsn: 1_000 }],
    ['Postgres, beyond what a number holds', { lsn: '9223372036854775806' }, { lsn: '9223372036854775807' }],
    ['Postgres, as it shows it', { lsn: '0/FFFFFFFF' }, { lsn: '1/0' }],
    [
      'MySQL, another file',
      { server_id: 1, file: 'bin.000009', pos: 900, row: 0 },
      { server_id: 1, file: 'bin.000010', pos: 4, row: 0 },
    ],
    [
      'MySQL, another place',
      { server_id: 1, file: 'bin.000009', pos: 90, row: 5 },
      { server_id: 1, file: 'bin.000009', pos: 100, row: 0 },
    ],
    [
      'MySQL, another row',
      { server_id: 1, file: 'bin.000009', pos: 90, row: 9 },
      { server_id: 1, file: 'bin.000009', pos: 90, row: 10 },
    ],
    [
      'SQL Server',
      { commit_lsn: '00000027:00000758:0003', change_lsn: '00000027:00000758:0002', event_serial_no: 9 },
      { commit_lsn: '00000027:00000758:0005', change_lsn: '00000027:00000758:0001', event_serial_no: 1 },
    ],
    [
      'SQL Server, one commit',
      { commit_lsn: '00000027:00000758:0005', change_lsn: '00000027:00000758:0003', event_serial_no: 1 },
      { commit_lsn: '00000027:00000758:0005', change_lsn: '00000027:00000758:0003', event_serial_no: 2 },
    ],
    ['Oracle', { scn: '999' }, { scn: '1000' }],
  ])('has an order: %s', (_, a, b) => {
    expect(compare(a, b)).toEqual([-1, 1]);
    expect(compare(a, a)).toEqual([0, 0]);
  });

  it('has none between two servers', () => {
    expect(compare({ lsn: 1 }, { scn: '2' })).toEqual([undefined, undefined]);
    const [a, b] = [{ server_id: 1, file: 'bin.000001', pos: 4 }, { server_id: 2, file: 'bin.000001', pos: 5 }]; // prettier-ignore
    expect(compare(a, b)).toEqual([undefined, undefined]);
  });

  it('is no time, and nothing else that is no place in a log', () => {
    for (const metadata of [
      { ts_ms: 5 },
      { lsn: -1 },
      { lsn: 'x' },
      { file: 'bin', pos: 4 },
      { commit_lsn: 'zz' },
      {},
    ]) {
      expect(read(metadata)).toBeUndefined();
    }
  });

  it('is not needed: events without one are all applied', () => {
    const at = (name: string) => {
      const value = payloadOf({ op: 'u', after: { id: 1, name } });
      return {
        key: '{"id":1}',
        value: JSON.stringify({ ...value, source: { connector: 'other', ts_ms: 5 } }),
      };
    };
    expect(new Reading().read(at('a'), at('b'), at('a')).state).toEqual({ 1: 'a' });
  });
});
