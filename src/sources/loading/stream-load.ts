import { optionError } from '../../errors.js';
import { isEntryId } from '../../redis/streams/entry-id.js';
import type { StreamReader } from '../../redis/streams/stream-reader.js';
import type { Snapshot } from '../../sync/source.js';
import { type SnapshotFunction, pagesOf, partsOf } from './snapshot-function.js';

/** Its position is read before the first record is, so every change that is not after it is in the records. */
export async function loadAtEnd<R>(
  reader: StreamReader,
  snapshot: SnapshotFunction<R>,
  signal: AbortSignal,
): Promise<Snapshot<R>> {
  const end = await reader.end(signal);
  reader.keep(end);
  const { records, position } = partsOf(await snapshot({ position: end, signal }));
  if (position !== undefined) {
    if (!isEntryId(position)) throw optionError('position', 'the id of a stream entry', position);
    reader.keep(position);
    await reader.checkReachable(position, signal);
  }
  return streamLoad(reader, {
    position: position ?? end,
    exact: position !== undefined,
    pages: pagesOf(records, signal),
    total: Array.isArray(records) ? records.length : undefined,
  });
}

export function streamLoad<R>(
  reader: StreamReader,
  load: {
    position: string;
    exact: boolean;
    pages: AsyncGenerator<readonly R[], void, undefined>;
    total: number | undefined;
  },
): Snapshot<R> {
  const { position, exact, total } = load;
  const records = reader.loading(load.pages);
  return {
    position,
    exact,
    records,
    total,
    close: async () => {
      await records.return();
    },
  };
}
