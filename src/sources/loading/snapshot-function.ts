import { optionError } from '../../errors.js';

const recordsPerPage = 1_000;

export interface SnapshotContext {
  /** The newest entry of the stream before the snapshot was asked for. */
  readonly position: string;
  /** Aborts when nobody wants the records any more. */
  readonly signal: AbortSignal;
}

type Records<R> = Iterable<R> | AsyncIterable<R>;

/** All records; with a position, they are exactly what the changes up to that entry made of them. */
export type SnapshotResult<R> = Records<R> | { readonly records: Records<R>; readonly position: string };

export type SnapshotFunction<R> = (
  context: SnapshotContext,
) => SnapshotResult<R> | Promise<SnapshotResult<R>>;

/** The parts of what the caller's function gave. */
export function partsOf<R>(given: SnapshotResult<R> | null | undefined): {
  records: Records<R>;
  position: string | undefined;
} {
  if (isIterable(given)) return { records: given, position: undefined };
  const { records, position } = given ?? {};
  if (!isIterable(records) || typeof position !== 'string') {
    throw optionError('snapshot', 'a function that gives all records, or { records, position }', given);
  }
  return { records, position };
}

/** The records in pages, as many at a time as are asked for. Ending it early ends what gives the records. */
export async function* pagesOf<R>(
  records: Records<R>,
  signal: AbortSignal,
): AsyncGenerator<readonly R[], void, undefined> {
  let page: R[] = [];
  for await (const record of records) {
    signal.throwIfAborted();
    page.push(record);
    if (page.length < recordsPerPage) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function isIterable<R>(given: SnapshotResult<R> | null | undefined): given is Records<R> {
  return (
    typeof given === 'object' && given !== null && (Symbol.asyncIterator in given || Symbol.iterator in given)
  );
}
