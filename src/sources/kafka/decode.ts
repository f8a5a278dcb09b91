import type { Change, SourceWarning } from '../../sync/source.js';
import type { KafkaMessage } from './kafka-client.js';

/** What a message says, where changes do not tell all of it. */
export interface Reading<R> {
  readonly changes: readonly Change<R>[];
  /** Why everything has to be loaded, in words: the changes from this message on are not enough. */
  readonly loadNeeded?: string | undefined;
  readonly warning?: SourceWarning | undefined;
}

/** Nothing where a message concerns no record. */
export type Decoded<R> = Change<R> | readonly Change<R>[] | Reading<R> | null | undefined;

export type DecodeFunction<R> = (message: KafkaMessage) => Decoded<R>;

/** Understands a message by what came before it in its partition. */
export interface RememberingDecoder<R> {
  /** How many messages before the first one that counts it has to be shown; what it says of them is not used. */
  readonly memory: number;
  /** A function that has seen nothing yet: one for each partition, and a new one wherever reading begins. */
  begin(): DecodeFunction<R>;
}

const operations = new Set<unknown>(['upsert', 'delete', 'truncate', 'invalid']);

/** The key is the id and the value the record in JSON; a tombstone removes the record. */
export function decodeJson<R>(message: KafkaMessage): Change<R> {
  const id = message.key?.toString('utf8');
  if (!id) throw new Error('there is no key');
  if (message.value === null) return { op: 'delete', id };
  const record = recordIn(message.value);
  const { id: own } = record as { id?: unknown };
  if (own !== undefined && own !== id && own !== Number(id))
    throw new Error(`the record's id is not the key ${id}`);
  return { op: 'upsert', id, record: { ...record, id } as R };
}

export interface Decoding<R> {
  readonly decode: DecodeFunction<R>;
  /** In JSON as it comes by default, the key of a message is the id of its record. */
  readonly keyIsId: boolean;
}

/** What a message says; what cannot be understood is handed on with the reason. */
export function readingOf<R>(message: KafkaMessage, decoding: Decoding<R>): Reading<R> {
  try {
    const decoded = decoding.decode(message) ?? [];
    const reading = isReading(decoded) ? decoded : { changes: isList(decoded) ? decoded : [decoded] };
    for (const change of reading.changes) check(change);
    const { timestampMs } = message;
    return { ...reading, changes: reading.changes.map((change) => ({ timestampMs, ...change })) };
  } catch (error) {
    return { changes: [invalid(message, error, idOf(message, decoding))] };
  }
}

export function changesIn<R>(message: KafkaMessage, decoding: Decoding<R>): readonly Change<R>[] {
  return readingOf(message, decoding).changes;
}

function recordIn(value: Buffer): object {
  let record: unknown;
  try {
    record = JSON.parse(value.toString('utf8'));
  } catch {
    throw new Error('the value is not JSON');
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new Error('the value is not an object');
  }
  return record;
}

function check(change: unknown): void {
  const { op, id } = (change ?? {}) as { op?: unknown; id?: unknown };
  if (!operations.has(op)) throw new Error('the option `decode` gave something that is no change');
  if ((op === 'upsert' || op === 'delete') && (typeof id !== 'string' || id === '')) {
    throw new Error('the option `decode` gave a change without an id');
  }
}

/** Of the record that a message tells of, however little is known of it. */
export function idOf({ key }: KafkaMessage, { keyIsId }: Decoding<unknown>): string | undefined {
  return keyIsId && key && key.length > 0 ? key.toString('utf8') : undefined;
}

function invalid(message: KafkaMessage, error: unknown, id: string | undefined): Change<never> {
  const { topic, partition, offset, key, value, timestampMs } = message;
  // Not instanceof: it may be of another realm.
  const why = (error as { message?: unknown } | null)?.message;
  return {
    op: 'invalid',
    ...(id !== undefined && { id }),
    raw: { topic, partition, offset: String(offset), key: textOf(key), value: textOf(value) },
    reason: `the message makes no sense: ${typeof why === 'string' ? why : String(error)}`,
    timestampMs,
  };
}

function textOf(part: Buffer | null): string | null {
  return part?.toString('utf8') ?? null;
}

function isReading<R>(decoded: NonNullable<Decoded<R>>): decoded is Reading<R> {
  return typeof decoded === 'object' && 'changes' in decoded;
}

function isList<R>(decoded: Change<R> | readonly Change<R>[]): decoded is readonly Change<R>[] {
  return Array.isArray(decoded);
}
