import { type RedisClient, type RedisCommand, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Keys } from '../redis/keys.js';
import { paired } from '../redis/paired.js';

/** Why records were written. */
export type Cause =
  'prefetch' | 'reload' | 'change' | 'repair' | 'replay' | 'bulk-load' | 'apply' | 'invalidate' | 'clear';

/** What one transaction wrote. */
export interface JournalEntry {
  /** Where it stands in the journal. */
  readonly id: string;
  readonly at: string;
  readonly cause: Cause;
  /** The name of the worker, or the process, that wrote it. */
  readonly by: string;
  /** The position of the source, where the cause has one. */
  readonly position: string | null;
  /** The ids of records that became something new. */
  readonly upserts: readonly string[];
  readonly deletes: readonly string[];
}

export interface JournalPage {
  readonly entries: readonly JournalEntry[];
  /** True: the entry to go on from is not there, so something in between may have been forgotten. */
  readonly gap: boolean;
}

export type JournalLine = Omit<JournalEntry, 'id' | 'at'>;

/** More are kept for a moment, as XTRIM does where it may be quick. */
const entriesKept = '2000';

/** It lives as long as records that are written with it, and is kept alive with them. */
export function writeJournal(keys: Keys, line: JournalLine, ttlSeconds: number): readonly RedisCommand[] {
  const { cause, by, position, upserts, deletes } = line;
  const entry = [
    ...['MAXLEN', '~', entriesKept, '*', 'cause', cause, 'by', by],
    ...(position === null ? [] : ['position', position]),
    ...(upserts.length === 0 ? [] : ['upserts', JSON.stringify(upserts)]),
    ...(deletes.length === 0 ? [] : ['deletes', JSON.stringify(deletes)]),
  ];
  return [
    ['XADD', keys.journal, ...entry],
    ['EXPIRE', keys.journal, String(ttlSeconds)],
  ];
}

/**
 * Entries in the order in which they were written. Read on with the id of the last one: it is looked for, and when it is
 * not there any more, entries after it may have been forgotten, or Redis came back as it was before.
 */
export async function readJournal(
  client: RedisClient,
  keys: Keys,
  after: string | null,
  limit: number,
): Promise<JournalPage> {
  const from = after ?? '-';
  const found = await entriesFrom(client, ['XRANGE', keys.journal, from, '+', 'COUNT', String(limit + 1)]);
  if (after === null) return { entries: found.slice(0, limit), gap: false };
  const [first, ...rest] = found;
  return first?.id === after ? { entries: rest, gap: false } : { entries: found.slice(0, limit), gap: true };
}

/** The latest entry first. */
export async function* journalBackwards(client: RedisClient, keys: Keys): AsyncGenerator<JournalEntry> {
  let before = '+';
  for (;;) {
    const page = await entriesFrom(client, ['XREVRANGE', keys.journal, before, '-', 'COUNT', '100']);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < 100) return;
    before = `(${last.id}`;
  }
}

async function entriesFrom(client: RedisClient, command: readonly string[]): Promise<JournalEntry[]> {
  try {
    const reply = (await send(client, command)) as [id: string, fields: string[]][];
    return reply.map(([id, fields]) => entryOf(id, fields));
  } catch (error) {
    throw toPrefetchError(error);
  }
}

function entryOf(id: string, fields: readonly string[]): JournalEntry {
  const values: Record<string, string | undefined> = paired(fields);
  return {
    id,
    at: new Date(Number(id.split('-')[0])).toISOString(),
    cause: values['cause'] as Cause,
    by: values['by'] ?? '',
    position: values['position'] ?? null,
    upserts: JSON.parse(values['upserts'] ?? '[]') as string[],
    deletes: JSON.parse(values['deletes'] ?? '[]') as string[],
  };
}
