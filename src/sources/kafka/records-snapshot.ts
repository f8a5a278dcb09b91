import { optionError } from '../../errors.js';
import { pagesOf, partsOf } from '../loading/snapshot-function.js';

export interface RecordsContext {
  /** Aborts when nobody wants the records any more. */
  readonly signal: AbortSignal;
}

type Records<R> = Iterable<R> | AsyncIterable<R>;

/** Reads all records from the primary. It must begin to read only when it is called. */
export type RecordsFunction<R> = (context: RecordsContext) => Records<R> | Promise<Records<R>>;

/** @throws PrefetchError */
export async function recordsFrom<R>(
  give: RecordsFunction<R>,
  signal: AbortSignal,
): Promise<{ pages: AsyncGenerator<readonly R[], void, undefined>; total: number | undefined }> {
  const { records, position } = partsOf(await give({ signal }));
  if (position !== undefined)
    throw optionError('snapshot', 'a function that gives all records', { position });
  return { pages: pagesOf(records, signal), total: Array.isArray(records) ? records.length : undefined };
}
