import type { Change } from '../../sync/source.js';
import type { DecodeSettings } from './decode-options.js';
import { Garbage } from './garbage.js';
import { type MessagePart, type Row, readMessage } from './message.js';
import { type RowEvent, rowEventOf } from './row-event.js';

/** @throws Garbage */
export function eventOf<R>(
  key: MessagePart,
  value: MessagePart,
  settings: DecodeSettings<R>,
): RowEvent | undefined {
  return rowEventOf(readMessage(key, value), settings);
}

/** @throws Garbage */
export function changesOf<R>(event: RowEvent, settings: DecodeSettings<R>): Change<R>[] {
  const { op, id, formerId, timestampMs } = event;
  const time = timestampMs === undefined ? {} : { timestampMs };
  if (op === 'truncate') return [{ op, ...time }];
  if (op !== 'upsert') return [{ op: 'delete', id, ...time }];
  const upsert: Change<R> = event.isPartial
    ? { op, id, record: recordOf(event, settings) as Partial<R>, partial: true, ...time }
    : { op, id, record: recordOf(event, settings) as R, ...time };
  return formerId === undefined ? [upsert] : [{ op: 'delete', id: formerId, ...time }, upsert];
}

/** What cannot be understood, with its reason; and anything else that reading it threw. */
export function invalid(raw: unknown, error: unknown): Change<never> {
  const why = error instanceof Error ? error.message : String(error);
  const reason = error instanceof Garbage ? why : `reading it failed: ${why}`;
  return { op: 'invalid', raw, reason: `the message makes no sense: ${reason}` };
}

export function rawOf(key: MessagePart, value: MessagePart): { key: string | null; value: string | null } {
  return { key: textOf(key), value: textOf(value) };
}

function recordOf<R>({ id, row }: RowEvent, { map }: DecodeSettings<R>): Row {
  if (!map) return { ...row, id };
  const made = map(row) as Row | null | undefined;
  if (typeof made !== 'object' || made === null) throw new Garbage('the option `map` gave no record');
  return Object.fromEntries(
    Object.entries<unknown>({ id, ...made }).filter(([, value]) => value !== undefined),
  );
}

function textOf(part: MessagePart): string | null {
  if (part === null || part === undefined) return null;
  return typeof part === 'string' ? part : Buffer.from(part).toString('utf8');
}
