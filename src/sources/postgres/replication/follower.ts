import type { ChangeBatch } from '../../../sync/source.js';
import { unlessAborted } from '../../../settling.js';
import { type Connections, close } from '../server/connections.js';
import type { Lsn } from './lsn.js';
import type { ResolvedOptions } from './options.js';
import type { Line } from '../server/line.js';
import { type Position, positionOf } from './position.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { Reconnection } from '../server/reconnection.js';
import { ReplicationStream } from './replication-stream.js';
import { type Reload, whyNotFromSlot } from './resume-check.js';
import { RowMapper } from '../rows/row-mapper.js';
import { readSlot } from './slot.js';
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
  readonly own: { readonly client: Line; readonly slot: string } | undefined;
  readonly maxBatch: number;
  readonly signal: AbortSignal;
}

/** Reads a slot, over as many connections as it takes. */
export class Follower<R> {
  readonly #context: FollowContext;
  readonly #reconnection: Reconnection;
  #stream: ReplicationStream | undefined;
  #isRetrying = false;

  constructor(context: FollowContext) {
    const { reconnectWithinMs, onWarning } = context.options;
    this.#context = context;
    this.#reconnection = new Reconnection(reconnectWithinMs, (message) => {
      onWarning({ code: 'reconnecting', message });
    });
  }

  /** False from the break of a line, or from its silence, until there is another one that works. */
  get isConnected(): boolean {
    return !this.#isRetrying && !this.#stream?.isSilent;
  }

  async *batches(after: Position): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const { signal, sideLine, own } = this.#context;
    let position = after;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#overOneLine(position)) {
          position = positionOf(batch.position);
          yield batch;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (own) throw sourceError('The connection of the temporary slot broke: changes are lost.', error);
        this.#isRetrying = true;
        await this.#reconnection.pauseAfter(error, signal);
        void sideLine.renew();
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
      silenceMs: connections.silenceMs,
    });
    this.#stream = stream;
    const onAbort = () => {
      stream.fail(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort);
    const watch = new Watch(options, sideLine, own !== undefined);
    try {
      const { system, timeline } = await unlessAborted(identify(client), signal);
      const layout = await unlessAborted(this.#layoutAt(after, system), signal);
      await unlessAborted(stream.start(), signal);
      await unlessAborted(this.#checkSlot(after), signal);
      this.#reconnection.succeeded();
      this.#isRetrying = false;
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
        if (frame.kind === 'message') yield* batches.take(frame.message, frame.bytes);
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

  /**
   * Once more, now that nobody else can move the slot: a late word of a former session may have done so since the look
   * at it, and the server would have begun there without saying so.
   */
  async #checkSlot(after: Position): Promise<void> {
    const { sideLine, options, own } = this.#context;
    if (own) return;
    const slot = await sideLine.ask('looking at the slot', (asked) => readSlot(asked, options.slot));
    const gap = whyNotFromSlot(after.lsn, options.slot, slot);
    if (gap) throw sourceError(`Changes are missing. ${gap.detail}`);
  }
}
