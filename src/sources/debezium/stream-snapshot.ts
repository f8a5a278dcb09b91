import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../../errors.js';
import type { StreamReader } from '../../redis/streams/stream-reader.js';
import type { Change, SourceWarning } from '../../sync/source.js';
import { EntryReader } from './entry-reader.js';
import type { ResolvedOptions } from './options.js';

/** What the entries of a stream have made of its records, and the last of these entries. */
export interface StreamState<R> {
  readonly position: string;
  readonly records: ReadonlyMap<string, R>;
}

/**
 * Reads the stream from the rows of Debezium's latest snapshot on, up to its end, and waits for that snapshot when it
 * is not there yet or not complete.
 *
 * @throws PrefetchError `ERR_PREFETCH_SOURCE` when the stream does not reach back to the beginning of one
 */
export async function readStreamState<R extends object>(
  stream: StreamReader,
  options: ResolvedOptions<R>,
  signal: AbortSignal,
  onWarning: (warning: SourceWarning) => void,
): Promise<StreamState<R>> {
  const reader = new EntryReader(options);
  const records = new Map<string, R>();
  let position = '';
  let phase: 'before' | 'within' | 'whole' = 'before';
  for (;;) {
    let hasChanges = false;
    for await (const entry of stream.entriesAfter(position, signal)) {
      position = entry[0];
      const { changes, snapshot, loadNeeded, warning } = reader.read(entry);
      if (warning) onWarning(warning);
      if (loadNeeded === 'snapshot-begun') records.clear();
      if (loadNeeded === 'truncate-overtaken')
        throw unclear(options.stream, position, 'a truncate came late');
      if (loadNeeded === 'snapshot-begun') phase = 'within';
      const isChange = changes.length > 0 && snapshot === undefined;
      if (snapshot === 'last' || (phase === 'within' && isChange)) phase = 'whole';
      hasChanges ||= isChange;
      for (const change of changes) apply(change, records, (why) => unclear(options.stream, position, why));
    }
    if (phase === 'whole') return { position, records };
    if (phase === 'before' && hasChanges) throw tooShort(options.stream);
    await sleep(options.blockMs, undefined, { signal });
  }
}

function apply<R>(change: Change<R>, records: Map<string, R>, failure: (why: string) => PrefetchError): void {
  switch (change.op) {
    case 'upsert':
      if (change.partial) {
        const base = records.get(change.id);
        if (!base) throw failure(`only some columns of the record ${change.id} are known`);
        records.set(change.id, { ...base, ...change.record });
      } else {
        records.set(change.id, change.record);
      }
      return;
    case 'delete':
      records.delete(change.id);
      return;
    case 'truncate':
      records.clear();
      return;
    case 'invalid':
      throw failure(change.reason);
  }
}

function unclear(stream: string, position: string, why: string): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_SOURCE',
    `The records cannot be had from \`${stream}\`, because of the entry ${position}: ${why}. Give the option \`snapshot\`, or let Debezium take a snapshot again.`,
  );
}

function tooShort(stream: string): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_SOURCE',
    `The stream \`${stream}\` does not reach back to the beginning of a snapshot of Debezium. Give the option \`snapshot\`, or let Debezium take a snapshot again.`,
  );
}
