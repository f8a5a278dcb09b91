import type { PgClient } from '../server/pg-client.js';
import { postgresError } from '../server/postgres-error.js';

const fewestRows = 10;
const mostRows = 1_000;
const bytesPerPage = 4_000_000;

type Rows = readonly (readonly (string | null)[])[];

export interface CursorPages<R> {
  readonly reader: PgClient;
  /** Of a cursor that was declared on the reader. */
  readonly cursor: string;
  readonly records: (rows: Rows) => readonly R[];
  readonly signal: AbortSignal;
  readonly close: () => Promise<void>;
}

/** The next page is on its way while one is used. */
export async function* cursorPages<R>(pages: CursorPages<R>): AsyncGenerator<readonly R[], void, undefined> {
  const { reader, cursor, records, signal, close } = pages;
  const fetch = (count: number) => {
    const fetching = reader.query({ text: `fetch ${count} from ${cursor}`, rowMode: 'array' });
    fetching.catch(() => undefined);
    return fetching;
  };
  try {
    for (let fetching = fetch(fewestRows); ;) {
      const { rows } = await fetching;
      if (rows.length === 0) return;
      fetching = fetch(countAfter(rows));
      yield records(rows);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw postgresError('reading the table', error);
  } finally {
    await close();
  }
}

/** As many as fit into a page if they are like those before. How long rows are is seen only when they are here. */
function countAfter(rows: Rows): number {
  let bytes = 0;
  for (const row of rows) for (const value of row) bytes += value?.length ?? 0;
  const fitting = Math.floor((bytesPerPage * rows.length) / Math.max(bytes, 1));
  return Math.max(1, Math.min(fitting, rows.length * 10, mostRows));
}
