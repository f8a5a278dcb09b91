import type { ChangeBatch } from '../../../sync/source.js';
import { RowMapper } from '../rows/row-mapper.js';
import { type Connections, close } from '../server/connections.js';
import type { PgClient } from '../server/pg-client.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { quoteName, quoteTable } from '../server/quoting.js';
import { Reconnection } from '../server/reconnection.js';
import { Bell } from './bell.js';
import type { ResolvedOptions } from './options.js';
import { type OutboxLayout, describeOutbox, layoutOf } from './outbox-layout.js';
import { OutboxProgress, type Step } from './outbox-progress.js';
import { OutboxDecoder, byIndex, readOutbox } from './outbox-reader.js';
import { readState } from './outbox-state.js';
import { type Mark, type Position, formatPosition, positionOf } from './position.js';
import { makeSafe } from './safe-log.js';
import { type ServerIdentity, identify } from './server-identity.js';
import type { SideLine } from '../server/side-line.js';
import type { Turns } from './turns.js';

export interface FollowContext {
  readonly options: ResolvedOptions;
  readonly connections: Connections;
  readonly turns: Turns;
  /** Who reads the outbox as long as nobody takes over. */
  readonly reader: string;
  /** For questions beside this. */
  readonly sideLine: SideLine;
  readonly forgotten: () => Mark;
  readonly maxBatch: number;
  readonly signal: AbortSignal;
}

/** Reads an outbox, over as many connections as it takes. */
export class OutboxFollower<R> {
  readonly #context: FollowContext;
  readonly #reconnection: Reconnection;
  #isRetrying = false;
  /** Undefined between two looks at the outbox. */
  #lookingSince: number | undefined;

  constructor(context: FollowContext) {
    const { reconnectWithinMs, onWarning } = context.options;
    this.#context = context;
    this.#reconnection = new Reconnection(reconnectWithinMs, (message) => {
      onWarning({ code: 'reconnecting', message });
    });
  }

  /** False from the break of a line, or from its silence, until there is another one that works. */
  get isConnected(): boolean {
    const silentMs = this.#lookingSince === undefined ? 0 : performance.now() - this.#lookingSince;
    return !this.#isRetrying && silentMs < this.#context.connections.silenceMs;
  }

  async *batches(after: Position): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const { signal, sideLine } = this.#context;
    let position = after;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#overOneLine(position)) {
          position = positionOf(batch.position);
          yield batch;
        }
      } catch (error) {
        signal.throwIfAborted();
        this.#isRetrying = true;
        await this.#reconnection.pauseAfter(error, signal);
        void sideLine.renew();
      }
    }
  }

  async *#overOneLine(after: Position): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const { options, connections, signal } = this.#context;
    const client = await connections.open('ordinary', signal);
    const onAbort = () => {
      client.connection.stream.destroy();
    };
    signal.addEventListener('abort', onAbort);
    try {
      const server = await identify(client);
      await client.query(byIndex('set'));
      const bell = new Bell();
      client.on('notification', () => {
        bell.ring();
      });
      if (options.notify) await client.query(`listen ${quoteName(options.names.outbox.name)}`);
      const layout = await this.#checked(client, server, after);
      this.#reconnection.succeeded();
      this.#isRetrying = false;
      this.#lookingSince = undefined;
      const decoder = new OutboxDecoder<R>(layout, new RowMapper<R>(layout, options.map));
      for await (const step of this.#steps(client, server, after, bell)) {
        const changes = step.rows.flatMap((row) => decoder.changesOf(row));
        const position = { ...after, ...step.place, forgotten: this.#context.forgotten() };
        yield { changes, position: formatPosition(position), complete: true };
        if (signal.aborted) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw postgresError('reading the outbox', error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      await close(client);
    }
  }

  /** Those that are worth a batch. */
  async *#steps(
    client: PgClient,
    server: ServerIdentity,
    after: Position,
    bell: Bell,
  ): AsyncGenerator<Pick<Step, 'place' | 'rows'>, void, undefined> {
    const { options, turns, signal, maxBatch } = this.#context;
    const progress = new OutboxProgress(after, turns, (within) =>
      readOutbox(client, options.names, within, maxBatch, server.timeline !== null),
    );
    let beatAt = performance.now();
    let told = after.applied;
    while (!signal.aborted) {
      bell.silence();
      const begunAt = (this.#lookingSince = performance.now());
      const { rows, place, beyond, isMore, logEnd } = await progress.step();
      const isDue = performance.now() - beatAt >= options.heartbeatMs;
      if (rows.length > 0) await makeSafe(client, options.names, logEnd);
      if (rows.length > 0 || isDue) {
        // After reading: what was read is complete, and of this layout, only if nothing has changed until now.
        await this.#checked(client, server, after);
        beatAt = performance.now();
      }
      this.#lookingSince = undefined;
      const tookMs = performance.now() - begunAt;
      if (rows.length > 0) yield { rows, place };
      if (beyond) yield { rows: [], place: beyond };
      else if (isDue && rows.length === 0 && told !== progress.applied)
        yield { rows, place: progress.beat() };
      told = rows.length > 0 || isDue ? progress.applied : told;
      // Not more than half of the time, also where a look takes long: there may be thousands of gaps.
      if (!isMore) await bell.wait({ leastMs: tookMs, mostMs: options.pollMs }, signal);
    }
  }

  /** @throws PrefetchError when the outbox can no longer be gone on with */
  async #checked(client: PgClient, server: ServerIdentity, after: Position): Promise<OutboxLayout> {
    const { options, reader } = this.#context;
    const layout = layoutOf(options, await describeOutbox(client, options), server);
    if (layout.fingerprint !== after.layout) {
      throw sourceError('The table, its triggers or the server changed: it has to be loaded again.');
    }
    if ((await readState(client, options.names)).reader !== reader) {
      throw sourceError(
        `Somebody else began to read the outbox ${quoteTable(options.names.outbox)}. Each dataset needs its own: choose a name with \`outbox\`.`,
      );
    }
    return layout;
  }
}
