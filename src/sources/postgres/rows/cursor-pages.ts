import type { PgClient } from '../server/pg-client.js';
import { postgresError } from '../server/postgres-error.js';

const rowsPerPage = 1_000;

export interface CursorPages<R> {
  readonly reader: PgClient;
  /** Of a cursor that was declared on the reader. */
  readonly cursor: string;
  readonly records: (rows: readonly (readonly (string | null)[])[]) => readonly R[];
  readonly signal: AbortSignal;
  readonly close: () => Promise<void>;
}

/** The next page is on its way while one is used. */
export async function* cursorPages<R>(pages: CursorPages<R>): AsyncGenerator<readonly R[], void, undefined> {
  const { reader, cursor, records, signal, close } = pages;
  const fetch = () => {
    const fetching = reader.query({ text: `fetch ${rowsPerPage} from ${cursor}`, rowMode: 'array' });
    fetching.catch(() => undefined);
    return fetching;
  };
  try {
    for (let fetching = fetch(); ;) {
      const { rows } = await fetching;
      if (rows.length === 0) return;
      fetching = fetch();
      yield records(rows);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw postgresError('reading the table', error);
  } finally {
    await close();
  }
}
