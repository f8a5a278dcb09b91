import { type RedisClient, send } from '../client.js';
import { timeOf } from './entry-id.js';
import { streamError } from './stream-error.js';

const entriesPerPage = 1_000;
const mostCounted = 100_000;

/**
 * A stream does not tell how many entries are after a position, unless that is its first one. Otherwise they are
 * counted where they are, a page at a time so that others get their turn.
 *
 * KEYS: the stream. ARGV: the position, the size of a page.
 */
const script = `
local page = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local time = redis.call('TIME')
return {
  #page, #page > 0 and page[1][1] or '', #page > 0 and page[#page][1] or '',
  first and first[1] == ARGV[1] and redis.call('XLEN', KEYS[1]) - 1 or -1,
  time[1] * 1000 + math.floor(time[2] / 1000)
}`;

interface Page {
  readonly entries: number;
  readonly oldest: string;
  readonly newest: string;
  /** How many entries are after the position in all; -1 when that is not known. */
  readonly all: number;
  /** By the clock that made the ids. */
  readonly nowMs: number;
}

export interface StreamLag {
  readonly events?: number;
  readonly ms?: number;
}

/** How many entries are after the position, unless there are very many, and since when the oldest of them waits. */
export async function readLag(client: RedisClient, stream: string, position: string): Promise<StreamLag> {
  const first = await readPage(client, stream, position);
  const events = first.all >= 0 ? first.all : await count(client, stream, first);
  const waitingSince = timeOf(first.oldest);
  const ms = first.entries === 0 ? 0 : waitingSince && Math.max(0, first.nowMs - waitingSince);
  return { ...(events !== undefined && { events }), ...(ms !== undefined && { ms }) };
}

async function count(client: RedisClient, stream: string, first: Page): Promise<number | undefined> {
  let counted = first.entries;
  for (let page = first; page.entries === entriesPerPage; counted += page.entries) {
    if (counted >= mostCounted) return undefined;
    page = await readPage(client, stream, page.newest);
  }
  return counted;
}

async function readPage(client: RedisClient, stream: string, position: string): Promise<Page> {
  try {
    const reply = await send(client, ['EVAL', script, '1', stream, position, String(entriesPerPage)]);
    const [entries, oldest, newest, all, nowMs] = reply as [number, string, string, number, number];
    return { entries, oldest, newest, all, nowMs };
  } catch (error) {
    throw streamError(stream, error);
  }
}
