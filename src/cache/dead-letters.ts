import { inspect } from 'node:util';
import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Keys } from '../redis/keys.js';
import { paired } from '../redis/paired.js';
import type { Change, Refusal } from './change.js';
import { isPlainObject } from './record-rules.js';

/** A change that could not be applied, kept until it is replayed or discarded. */
export interface DeadLetter {
  readonly id: string;
  readonly at: string;
  readonly reason: string;
  /** The position of the batch that it came with. */
  readonly position: string;
  /** Of the record that it concerns, where it says so. */
  readonly recordId: string | null;
  /** As it came; null when it cannot be told as JSON, and then `shown` is all there is of it. */
  readonly change: Change<unknown> | null;
  readonly shown: string;
  /** True: something newer is applied to the record, so this must not be. */
  readonly isSuperseded: boolean;
}

/** Enough for any change that is worth reading; the whole of a larger one is not kept. */
const mostBytes = 1_000_000;

export function writeDeadLetter(
  keys: Keys,
  id: string,
  refusal: Refusal<unknown>,
  position: string,
): RedisCommand {
  const { subject, reason } = refusal;
  const recordId = recordIdOf(subject);
  const change = textOf(subject);
  return [
    'XADD',
    keys.deadLetters,
    ...[id, 'reason', reason, 'position', position],
    ...(recordId === null ? [] : ['recordId', recordId]),
    ...(change === undefined ? ['shown', shownAs(subject)] : ['change', change]),
  ];
}

export interface LettersAsked {
  /** The id of the last letter of the page before. */
  readonly after?: string | undefined;
  /** @default 100 */
  readonly limit?: number | undefined;
}

/** The oldest first. */
export async function readDeadLetters(
  client: RedisClient,
  keys: Keys,
  { after, limit = 100 }: LettersAsked = {},
): Promise<DeadLetter[]> {
  const from = after === undefined ? '-' : `(${after}`;
  return lettersFrom(client, keys, ['XRANGE', keys.deadLetters, from, '+', 'COUNT', String(limit)]);
}

export async function readDeadLetter(
  client: RedisClient,
  keys: Keys,
  id: string,
): Promise<DeadLetter | undefined> {
  const [letter] = await lettersFrom(client, keys, ['XRANGE', keys.deadLetters, id, id]);
  return letter;
}

/** How many changes came from the source since the dataset is there, and what became of them. */
export interface ChangeCounts {
  /** Always the sum of the next three. */
  readonly received: number;
  readonly applied: number;
  /** Needless, because a load had brought the state that they led to, or a later one. */
  readonly covered: number;
  /** Became dead letters. */
  readonly dead: number;
  /** Of these, how many were replayed, … */
  readonly replayed: number;
  /** … how many discarded, and … */
  readonly discarded: number;
  /** … how many wait. */
  readonly waiting: number;
}

export type ChangeCount = Exclude<keyof ChangeCounts, 'waiting'>;

export function addToCount(keys: Keys, count: ChangeCount, changes: number): readonly RedisCommand[] {
  return changes === 0 ? [] : [['HINCRBY', keys.counts, count, String(changes)]];
}

export async function readCounts(client: RedisClient, keys: Keys): Promise<ChangeCounts> {
  const names = ['received', 'applied', 'covered', 'dead', 'replayed', 'discarded'] as const;
  try {
    const values = (await send(client, ['HMGET', keys.counts, ...names])) as (string | null)[];
    const [received = 0, applied = 0, covered = 0, dead = 0, replayed = 0, discarded = 0] =
      values.map(Number);
    const waiting = dead - replayed - discarded;
    return { received, applied, covered, dead, replayed, discarded, waiting };
  } catch (error) {
    throw toPrefetchError(error);
  }
}

export function recordIdOf(change: unknown): string | null {
  const id = (change as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' && id !== '' && id.length <= 1_000 ? id : null;
}

async function lettersFrom(
  client: RedisClient,
  keys: Keys,
  command: readonly string[],
): Promise<DeadLetter[]> {
  try {
    const entries = (await send(client, command)) as [id: string, fields: string[]][];
    if (entries.length === 0) return [];
    const ids = entries.map(([id]) => id);
    const superseded = (await send(client, ['SMISMEMBER', keys.supersededLetters, ...ids])) as number[];
    return entries.map(([id, fields], i) => letterOf(id, fields, superseded[i] === 1));
  } catch (error) {
    throw toPrefetchError(error);
  }
}

function letterOf(id: string, fields: readonly string[], isSuperseded: boolean): DeadLetter {
  const values: Record<string, string | undefined> = paired(fields);
  const change = values['change'] === undefined ? null : changeOf(values['change']);
  return {
    id,
    at: new Date(Number(id.split('-')[0])).toISOString(),
    reason: values['reason'] ?? '',
    position: values['position'] ?? '',
    recordId: values['recordId'] ?? null,
    change,
    shown: values['shown'] ?? shownAs(change),
    isSuperseded,
  };
}

/** JSON knows no dates, and a schema may. */
const dateMark = '$date';

function textOf(change: unknown): string | undefined {
  try {
    const text = JSON.stringify(change, function (this: Record<string, unknown>, name, value: unknown) {
      const raw = this[name];
      if (raw instanceof Date && !Number.isNaN(raw.getTime())) return { [dateMark]: raw.toISOString() };
      if (isLostInJson(raw)) throw new TypeError(`JSON does not know the value of ${name}.`);
      return value;
    }) as string | undefined;
    return text !== undefined && text.length <= mostBytes ? text : undefined;
  } catch {
    return undefined;
  }
}

/** What JSON would make something else of. */
function isLostInJson(value: unknown): boolean {
  switch (typeof value) {
    case 'function':
    case 'symbol':
    case 'bigint':
      return true;
    case 'number':
      return !Number.isFinite(value);
    case 'object':
      return value !== null && !Array.isArray(value) && !isPlainObject(value);
    default:
      return false;
  }
}

function changeOf(text: string): Change<unknown> {
  return JSON.parse(text, (_, value: unknown) => {
    const date = (value as { [dateMark]?: unknown } | null)?.[dateMark];
    return typeof date === 'string' && Object.keys(value as object).length === 1 ? new Date(date) : value;
  }) as Change<unknown>;
}

function shownAs(change: unknown): string {
  return inspect(change, { depth: 4, breakLength: Infinity, maxStringLength: 2_000, maxArrayLength: 100 });
}
