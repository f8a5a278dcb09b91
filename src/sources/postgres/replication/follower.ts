import type { ChangeBatch } from '../../../sync/source.js';
import { type Connections, close } from '../server/connections.js';
import type { Lsn } from './lsn.js';
import type { ResolvedOptions } from './options.js';
import type { PgClient } from '../server/pg-client.js';
import { type Position, positionOf } from './position.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { Reconnection } from '../server/reconnection.js';
import { ReplicationStream } from './replication-stream.js';
import type { Reload } from './resume-check.js';
import { RowMapper } from '../rows/row-mapper.js';
import { identify } from './server-identity.js';
import type { SideLine } from '../server/side-line.js';
import { type TableLayout, readLayout } from './table-layout.js';
import { TransactionBatches } from './transaction-batches.js';
import { Watch } from './watch.js';

const longestStatusMs = 1_000;

export interface FollowContext {
  readonly options: ResolvedOptions;
  readonly connections: Connections;
  readonly sideLine: SideLine;
  /** What the server may forget. */
  readonly applied: () => Lsn;
  readonly gapAfter: (position: Position) => Promise<Reload | undefined>;
  /** The connection that holds a temporary slot. */
  readonly own: { readonly client: PgClient; readonly slot: string } | undefined;
  readonly maxBatch: number;
  readonly signal: AbortSignal;
}

/** Reads a slot, over as many connections as it takes. */
export class Follower<R> {
  readonly #context: FollowContext;
  #position: Position | undefined;
  readonly #reconnection: Reconnection;

  constructor(context: FollowContext) {
    const { reconnectWithinMs, onWarning } = context.options;
    this.#context = context;
    this.#reconnection = new Reconnection(reconnectWithinMs, (message) => {
      onWarning({ code: 'reconnecting', message });
    });
  }

  async *batches(after: Position): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    this.#position = after;
    const { signal } = this.#context;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#overOneLine(this.#position)) {
          this.#position = positionOf(batch.position);
          yield batch;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (this.#context.own)
          throw sourceError('The connection of the temporary slot broke: changes are lost.', error);
        await this.#reconnection.pauseAfter(error, signal);
      }
    }
  }

  async *#overOneLine(after: Position): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const { options, connections, sideLine, signal, own, maxBatch } = this.#context;
    const client = own?.client ?? (await connections.open('replication', signal));
    const stream = new ReplicationStream(client, {
      slot: own?.slot ?? options.slot,
      publication: options.publication,
      from: after.lsn,
      applied: this.#context.applied,
      statusMs: Math.min(longestStatusMs, options.heartbeatMs),
    });
    const onAbort = () => {
      stream.fail(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort);
    const watch = new Watch(options, sideLine, own !== undefined);
    try {
      const { system, timeline } = await identify(client);
      const layout = await this.#layoutAt(after, system);
      await stream.start();
      signal.throwIfAborted();
      this.#reconnection.succeeded();
      watch.start(after, system, (error) => {
        stream.fail(error);
      });
      const mapper = new RowMapper<R>(layout, options.map);
      yield* this.#read(stream, new TransactionBatches<R>(layout, mapper, { ...after, timeline }, maxBatch));
    } catch (error) {
      signal.throwIfAborted();
      throw postgresError('following', error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      watch.stop();
      stream.fail(sourceError('Nobody reads any more.'));
      await close(client);
    }
  }

  async *#read(
    stream: ReplicationStream,
    batches: TransactionBatches<R>,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const { signal, options } = this.#context;
    let beatAt = performance.now();
    for (;;) {
      const frames = await stream.next();
      for (const frame of frames) {
        if (frame.kind === 'message') yield* batches.take(frame.message);
        else batches.alive(frame.walEnd);
        if (signal.aborted) return;
      }
      yield* batches.flush();
      stream.goOn();
      const isDue = performance.now() - beatAt >= options.heartbeatMs || stream.isAskedToEnd;
      if (!batches.isSilentlyMoved || !isDue) continue;
      beatAt = performance.now();
      yield batches.heartbeat();
    }
  }

  /** Also whether nothing after the position was lost while there was no connection. */
  async #layoutAt(after: Position, system: string): Promise<TableLayout> {
    const { sideLine, options, own, gapAfter } = this.#context;
    const gap = own ? undefined : await gapAfter(after);
    if (gap) throw sourceError(`Changes are missing. ${gap.detail}`);
    const layout = await sideLine.ask('looking at the table', (asked) => readLayout(asked, options, system));
    if (layout?.fingerprint !== after.layout)
      throw sourceError('The table changed: it has to be loaded again.');
    return layout;
  }
}
