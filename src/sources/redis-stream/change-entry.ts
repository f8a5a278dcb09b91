import { PrefetchError } from '../../errors.js';
import { timeOf } from '../../redis/streams/entry-id.js';
import type { StreamEntry } from '../../redis/streams/stream-entry.js';
import type { Change } from '../../sync/source.js';
import { whyNotJson } from './json-loss.js';

/** What a producer can publish. */
export type StreamChange<R> = Exclude<Change<R>, { op: 'invalid' }>;

const ownFields = new Set(['op', 'id', 'record', 'partial', 'timestampMs']);

/**
 * The fields of the stream entry that says this, for an XADD of one's own, such as one inside a MULTI.
 *
 * @example
 * await client.multi().hSet(key, row).xAdd('changes:category', '*', encodeChange({ op: 'upsert', id, record })).exec();
 *
 * @throws PrefetchError `ERR_PREFETCH_REFUSED` when the worker would not get the change as it was given
 */
export function encodeChange<R extends object>(change: StreamChange<R>): Record<string, string> {
  const reason = whyNotEncodable(change);
  if (reason) throw new PrefetchError('ERR_PREFETCH_REFUSED', `Not published: ${reason}.`);
  const { op, timestampMs } = change;
  return {
    op,
    ...('id' in change && { id: change.id }),
    ...('record' in change && { record: JSON.stringify(change.record) }),
    ...('partial' in change && change.partial && { partial: '1' }),
    ...(timestampMs !== undefined && { timestampMs: String(timestampMs) }),
  };
}

/** What an entry says; undefined when it concerns no record. What makes no sense is handed on as it is. */
export function decodeEntry<R>([id, fields]: StreamEntry): Change<R> | undefined {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name, value] = [fields[i], fields[i + 1]];
    if (name === undefined || value === undefined || !ownFields.has(name)) continue;
    if (values.has(name)) return invalid(id, fields, `the field ${name} is there twice`);
    values.set(name, value);
  }
  if (values.get('op') === 'mark') return undefined;
  try {
    return { ...changeOf<R>(values), ...timestampOf(id, values) };
  } catch (error) {
    return invalid(id, fields, error instanceof Garbage ? error.message : String(error), values.get('id'));
  }
}

class Garbage extends Error {}

function changeOf<R>(values: ReadonlyMap<string, string>): StreamChange<R> {
  const op = values.get('op');
  switch (op) {
    case 'upsert': {
      const id = idOf(values);
      const record = recordOf(values);
      return isPartial(values) ? { op, id, record: record, partial: true } : { op, id, record: record as R };
    }
    case 'delete':
      return { op, id: idOf(values) };
    case 'truncate':
      return { op };
    default:
      throw new Garbage(op === undefined ? 'there is no field op' : `the operation ${op} is unknown`);
  }
}

function idOf(values: ReadonlyMap<string, string>): string {
  const id = values.get('id');
  if (id === undefined || id === '') throw new Garbage('there is no id');
  return id;
}

function recordOf(values: ReadonlyMap<string, string>): object {
  const text = values.get('record');
  if (text === undefined) throw new Garbage('there is no field record');
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    throw new Garbage('the field record is not JSON');
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new Garbage('the field record is not an object');
  }
  return record;
}

function isPartial(values: ReadonlyMap<string, string>): boolean {
  const partial = values.get('partial');
  if (partial !== undefined && partial !== '1') throw new Garbage(`the field partial is ${partial}, not 1`);
  return partial === '1';
}

function timestampOf(id: string, values: ReadonlyMap<string, string>): { timestampMs?: number } {
  const text = values.get('timestampMs');
  if (text !== undefined && !/^\d{1,15}$/.test(text)) throw new Garbage('the field timestampMs is no time');
  const timestampMs = text === undefined ? timeOf(id) : Number(text);
  return timestampMs === undefined ? {} : { timestampMs };
}

function invalid(id: string, fields: readonly string[], reason: string, recordId?: string): Change<never> {
  const timestampMs = timeOf(id);
  return {
    op: 'invalid',
    ...(recordId && { id: recordId }),
    raw: { id, fields },
    reason: `the stream entry makes no sense: ${reason}`,
    ...(timestampMs !== undefined && { timestampMs }),
  };
}

function whyNotEncodable<R extends object>(change: StreamChange<R>): string | undefined {
  if (typeof change !== 'object' || (change as unknown) === null) return 'it is no change';
  const given = change as { op?: unknown; id?: unknown; record?: unknown; partial?: unknown };
  const { timestampMs } = change;
  if (timestampMs !== undefined && !(Number.isSafeInteger(timestampMs) && timestampMs >= 0)) {
    return `timestampMs is ${String(timestampMs)}, not whole milliseconds since 1970`;
  }
  if (given.op === 'truncate') return undefined;
  if (given.op !== 'upsert' && given.op !== 'delete') return `the operation ${String(given.op)} is unknown`;
  if (typeof given.id !== 'string' || given.id === '') return 'the change has no id';
  if (/\p{Cs}/u.test(given.id)) return 'the id holds half a character';
  return given.op === 'delete' ? undefined : whyNotRecord(given.id, given.record, given.partial === true);
}

function whyNotRecord(id: string, record: unknown, isPartialRecord: boolean): string | undefined {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return 'the change has no record';
  const { id: ownId } = record as { id?: unknown };
  if (ownId !== id && !(isPartialRecord && ownId === undefined)) {
    return `the record's id ${String(ownId)} is not the change's ${id}`;
  }
  return whyNotJson('record', record);
}
