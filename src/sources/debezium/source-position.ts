/** Where an event stands in the log of its database. Positions of two logs have no order. */
export interface SourcePosition {
  /** Which log this is. */
  readonly log: string;
  /** Compared one after the other. */
  readonly parts: readonly bigint[];
}

type Metadata = (name: string) => unknown;

/**
 * The position that the metadata of an event tells: Postgres, SQL Server and Db2, MySQL and MariaDB, Oracle. Times are
 * none: clocks go back, and an event that is taken for an older one is lost.
 */
export function positionIn(metadata: Metadata): SourcePosition | undefined {
  for (const read of [changeLsn, lsn, binlog, scn]) {
    const position = read(metadata);
    if (position) return position;
  }
  return undefined;
}

/** Negative when a is before b; undefined when that cannot be told. */
export function comparePositions(a: SourcePosition, b: SourcePosition): number | undefined {
  if (a.log !== b.log) return undefined;
  for (const [i, part] of a.parts.entries()) {
    const other = b.parts[i] ?? 0n;
    if (part !== other) return part < other ? -1 : 1;
  }
  return 0;
}

/** Text as `0/16B3748` is what Postgres itself shows. */
function lsn(metadata: Metadata): SourcePosition | undefined {
  const given = metadata('lsn');
  const slash = typeof given === 'string' ? /^([\dA-Fa-f]{1,8})\/([\dA-Fa-f]{1,8})$/.exec(given) : null;
  if (slash) return { log: 'lsn', parts: [(BigInt(`0x${slash[1]}`) << 32n) + BigInt(`0x${slash[2]}`)] };
  const part = whole(given);
  return part === undefined ? undefined : { log: 'lsn', parts: [part] };
}

/** SQL Server: the commit decides, then the change in it. Text as `00000027:00000758:0005`. */
function changeLsn(metadata: Metadata): SourcePosition | undefined {
  const parts = [hexadecimal(metadata('commit_lsn')), hexadecimal(metadata('change_lsn'))];
  const [commit, change] = parts;
  if (commit === undefined || change === undefined) return undefined;
  return { log: 'commit_lsn', parts: [commit, change, whole(metadata('event_serial_no')) ?? 0n] };
}

/** MySQL: the number of the file, the place in it, the row of the event. Another server has other files. */
function binlog(metadata: Metadata): SourcePosition | undefined {
  const file = metadata('file');
  const place = whole(metadata('pos'));
  const numbered = typeof file === 'string' ? /^(.*)\.(\d+)$/.exec(file) : null;
  if (!numbered || place === undefined) return undefined;
  const log = `${String(metadata('server_id'))}:${numbered[1]}`;
  return { log, parts: [BigInt(numbered[2] ?? 0), place, whole(metadata('row')) ?? 0n] };
}

/** Oracle: changes of one record have growing numbers. */
function scn(metadata: Metadata): SourcePosition | undefined {
  const part = whole(metadata('scn'));
  return part === undefined ? undefined : { log: 'scn', parts: [part] };
}

function whole(given: unknown): bigint | undefined {
  if (typeof given !== 'string' && typeof given !== 'number') return undefined;
  return /^\d{1,39}$/.test(String(given)) ? BigInt(given) : undefined;
}

function hexadecimal(given: unknown): bigint | undefined {
  if (typeof given !== 'string' || !/^[\dA-Fa-f]+(:[\dA-Fa-f]+)*$/.test(given) || given.length > 80) {
    return undefined;
  }
  return BigInt(`0x${given.replaceAll(':', '')}`);
}
