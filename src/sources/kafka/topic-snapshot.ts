import type { InvalidRow } from '../../sync/source.js';
import { changesIn } from './decode.js';
import type { KafkaMessage, Offsets } from './kafka-client.js';
import { LastPlaces } from './last-places.js';
import type { ResolvedOptions } from './options.js';
import type { PatientReader } from './patient-reader.js';
import { readBetween } from './read-between.js';
import { RecordAssembly } from './record-assembly.js';
import { endOf } from './topic-watch.js';

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
  const decoding = { decode: options.decoder.begin(), keyIsId: options.keyIsId };
  const places = new LastPlaces();
  for await (const message of readBetween(reader, from, until, signal)) {
    for (const change of changesIn(message, decoding)) places.note(message, change);
  }
  const assembly = new RecordAssembly<R>(places, decoding, onInvalid);
  let page: R[] = [];
  for await (const message of readBetween(reader, from, until, signal)) {
    page.push(...assembly.recordsIn(message));
    if (page.length < recordsPerPage) continue;
    yield page;
    page = [];
  }
  for await (const message of successors(reader, places, until, signal)) {
    page.push(...assembly.recordsInSuccessor(message));
  }
  assembly.leaveOutRest(options.topic);
  if (page.length > 0) yield page;
}

/** A message that was compacted away between the two readings has a newer one of its key, which is there by now. */
async function* successors(
  reader: PatientReader,
  places: LastPlaces,
  after: Offsets,
  signal: AbortSignal,
): AsyncGenerator<KafkaMessage, void, undefined> {
  const partitions = new Set(places.left.map(([, { partition }]) => partition));
  if (partitions.size === 0) return;
  const from = new Map([...after].filter(([partition]) => partitions.has(partition)));
  yield* readBetween(reader, from, endOf(await reader.topic(signal)), signal);
}
