import { type RedisClient, send } from '../client.js';

import { FeedConnection } from './feed-connection.js';
import type { StreamEntry } from './stream-entry.js';
import { streamError } from './stream-error.js';
import { type Gap, gapAfter, readState } from './stream-state.js';

/** For how long an answer may be overdue before the line is taken for dead. */
const patienceMs = 5_000;

/** The entries of a stream as they come, over a connection of its own. */
export class StreamFeed {
  readonly #connection: FeedConnection;
  readonly #stream: string;
  readonly #blockMs: number;

  constructor(client: RedisClient, stream: string, blockMs: number) {
    this.#connection = new FeedConnection(client, blockMs + patienceMs);
    this.#stream = stream;
    this.#blockMs = blockMs;
  }

  /** The next entries after a position, none when none came for a while; or why they are not all there. */
  async after(position: string, limit: number): Promise<{ entries: readonly StreamEntry[]; gap?: Gap }> {
    const block = ['COUNT', String(limit), 'BLOCK', String(this.#blockMs)];
    try {
      const [reply, state] = await this.#connection.ask((connection) =>
        // The second comes right behind the first: if the entry at the position is there after the reading, nothing
        // after it had been trimmed when it was read.
        Promise.all([
          send(connection, ['XREAD', ...block, 'STREAMS', this.#stream, position]),
          readState(connection, this.#stream, position),
        ]),
      );
      const gap = gapAfter(position, state);
      return gap ? { entries: [], gap } : { entries: entriesIn(reply) };
    } catch (error) {
      throw streamError(this.#stream, error);
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/** A list of streams in RESP2, a map in RESP3; only one was asked for. */
function entriesIn(reply: unknown): readonly StreamEntry[] {
  if (reply === null) return [];
  const [first] = Array.isArray(reply) ? (reply as [string, unknown][]) : Object.entries(reply as object);
  return first?.[1] as readonly StreamEntry[];
}
