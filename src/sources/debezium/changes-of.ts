import type { Change } from '../../sync/source.js';
import type { DecodeSettings } from './decode-options.js';
import { Garbage } from './garbage.js';
import { type Message, type MessagePart, type Row, readMessage } from './message.js';
import { type RowEvent, idAloneOf, rowEventOf } from './row-event.js';

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
export function invalid(raw: unknown, error: unknown, id?: string): Change<never> {
  const why = error instanceof Error ? error.message : String(error);
  const reason = error instanceof Garbage ? why : `reading it failed: ${why}`;
  return {
    op: 'invalid',
    ...(id !== undefined && { id }),
    raw,
    reason: `the message makes no sense: ${reason}`,
  };
}

/** A message that cannot be understood. */
export function invalidMessage<R>(
  key: MessagePart,
  value: MessagePart,
  error: unknown,
  settings: DecodeSettings<R>,
): Change<never> {
  const id =
    idIn(() => readMessage(key, value), settings) ??
    attempt(() => idAloneOf(readMessage(key, null), settings));
  return invalid({ key: textOf(key), value: textOf(value) }, error, id);
}

/** Whose record it is, as far as that can be told although columns of it, or all, make no sense. */
export function idIn<R>(read: () => Message, settings: DecodeSettings<R>): string | undefined {
  return attempt(() => rowEventOf(read(), settings)?.id) ?? attempt(() => idAloneOf(read(), settings));
}

function attempt<R>(work: () => R): R | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
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
