import { comparePositions } from '../../src/sources/debezium/index.js';
import { type SourcePosition, positionIn } from '../../src/sources/debezium/source-position.js';

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
});
