import type { InvalidRow } from '../../sync/source.js';
import { changesIn, idOf } from './decode.js';
import type { KafkaMessage, Offsets } from './kafka-client.js';
import { sourceError } from './kafka-error.js';
import { LastPlaces } from './last-places.js';
import type { ResolvedOptions } from './options.js';
import type { PatientReader } from './patient-reader.js';
import { readBetween } from './read-between.js';

const recordsPerPage = 1_000;

export interface TopicRange {
  readonly from: Offsets;
  readonly until: Offsets;
}

/**
 * What the messages of a topic make of its records. It is read twice: first to learn where the last message of each
 * record is, then to give these. So no more is kept than ids and places, however large the records are.
 */
export async function* topicRecords<R extends object>(
  reader: PatientReader,
  { from, until }: TopicRange,
  options: ResolvedOptions<R>,
  signal: AbortSignal,
  onInvalid?: (row: InvalidRow) => void,
): AsyncGenerator<readonly R[], void, undefined> {
  const places = new LastPlaces();
  for await (const message of readBetween(reader, from, until, signal)) {
    for (const change of changesIn(message, options)) places.note(message, change);
  }
  const unfinished = new Map<string, Partial<R>>();
  let page: R[] = [];
  for await (const message of readBetween(reader, from, until, signal)) {
    for (const change of changesIn(message, options)) {
      if (change.op === 'invalid') {
        if (places.isLastOfKey(message)) leaveOut(rowOf(message, change, options), onInvalid);
        continue;
      }
      const use = change.op === 'upsert' ? places.useOf(change.id, message) : 'none';
      if (change.op !== 'upsert' || use === 'none') continue;
      const record = change.partial ? merged(unfinished.get(change.id), change.record) : change.record;
      if (use === 'part') {
        if (record) unfinished.set(change.id, record);
        continue;
      }
      unfinished.delete(change.id);
      places.done(change.id);
      if (record) page.push(record as R);
      else
        leaveOut(
          rowOf(message, { id: change.id, reason: 'only some fields of it are known' }, options),
          onInvalid,
        );
    }
    if (page.length < recordsPerPage) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function merged<R>(known: Partial<R> | undefined, fields: Partial<R>): Partial<R> | undefined {
  return known && { ...known, ...fields };
}

function rowOf<R>(
  message: KafkaMessage,
  { id, reason, raw }: { id?: string; reason: string; raw?: unknown },
  options: ResolvedOptions<R>,
): InvalidRow {
  const { topic, partition, offset } = message;
  return {
    id: id ?? idOf(message, options),
    raw: raw ?? { topic, partition, offset: String(offset) },
    reason,
  };
}

function leaveOut(row: InvalidRow, onInvalid: ((row: InvalidRow) => void) | undefined): void {
  if (!onInvalid) throw sourceError(`A record cannot be had from the topic: ${row.reason}`);
  onInvalid(row);
}
