import type {
  ChangeBatch,
  ChangesOptions,
  InvalidRow,
  Snapshot,
  SourceLag,
  SourceSession,
} from '../../../sync/source.js';
import type { Acknowledgements } from './acknowledgements.js';
import { anySignal } from '../../../any-signal.js';
import { type Connections, close } from '../server/connections.js';
import { Follower } from './follower.js';
import { formatLsn, lsnOf } from './lsn.js';
import type { ResolvedOptions } from './options.js';
import type { Line } from '../server/line.js';
import type { PgClient } from '../server/pg-client.js';
import { comparePositions, formatPosition, parsePosition, positionOf } from './position.js';
import { sourceError } from '../server/postgres-error.js';
import { textOf } from '../server/finding.js';
import { prepareOn } from './prepare.js';
import { type Reload, whyNotFrom } from './resume-check.js';
import { identify } from './server-identity.js';
import { SideLine } from '../server/side-line.js';
import { type CreatedSlot, createPassingSlot, createSlot, dropSlot, readSlot, serverEnd } from './slot.js';
import { takeSnapshot } from './snapshot.js';
import { readLayout } from './table-layout.js';
import { lookAtTable } from './table-sight.js';

const snapshotTries = 5;

export class PostgresSession<R extends object> implements SourceSession<R> {
  readonly #options: ResolvedOptions;
  readonly #connections: Connections;
  readonly #acknowledgements: Acknowledgements;
  readonly #closing = new AbortController();
  readonly #sideLine: SideLine;
  readonly #release: () => void;
  /** The slot that lives only as long as this connection. */
  #own: { client: Line; slot: string } | undefined;
  #follower: Follower<R> | undefined;

  static async open<R extends object>(
    options: ResolvedOptions,
    connections: Connections,
    acknowledgements: Acknowledgements,
    signal: AbortSignal,
  ): Promise<PostgresSession<R>> {
    const session = new PostgresSession<R>(options, connections, acknowledgements, signal);
    try {
      await session.#prepare();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  private constructor(
    options: ResolvedOptions,
    connections: Connections,
    acknowledgements: Acknowledgements,
    opener: AbortSignal,
  ) {
    this.#options = options;
    this.#connections = connections;
    this.#acknowledgements = acknowledgements;
    const end = () => {
      this.#closing.abort(opener.reason);
    };
    opener.addEventListener('abort', end);
    this.#release = () => {
      opener.removeEventListener('abort', end);
    };
    if (opener.aborted) end();
    this.#sideLine = new SideLine(connections, this.#closing.signal);
  }

  get isConnected(): boolean {
    return this.#follower?.isConnected ?? true;
  }

  async resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    if (checkpoint === null) return { reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' };
    const position = parsePosition(checkpoint);
    if (!position) {
      const detail = `The checkpoint ${checkpoint} is not a position of a Postgres source.`;
      return { reload: 'unknown-position', detail };
    }
    const forgotten = this.#acknowledgements.forgottenBy(this);
    if (position.lsn < forgotten) {
      const detail = `What came before ${formatLsn(forgotten)} was acknowledged, and is forgotten.`;
      return { reload: 'lost-changes', detail };
    }
    if (this.#options.temporary) {
      const detail = 'A temporary slot ends with its connection: each start is a load.';
      return { reload: 'lost-changes', detail };
    }
    const gap = await this.#gapAfter(checkpoint);
    if (gap) return gap;
    this.#acknowledgements.keep(this, position.lsn);
    return { from: checkpoint };
  }

  async snapshot(signal: AbortSignal, onInvalid?: (row: InvalidRow) => void): Promise<Snapshot<R>> {
    await this.#prepare();
    const snapshot = await this.#snapshotInTime(signal, onInvalid);
    this.#acknowledgements.keep(this, positionOf(snapshot.position).lsn);
    return snapshot;
  }

  async *changes(
    after: string,
    { signal, maxBatch }: ChangesOptions,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const ending = anySignal(signal, this.#closing.signal);
    const follower = new Follower<R>({
      options: this.#options,
      connections: this.#connections,
      sideLine: this.#sideLine,
      applied: () => this.#acknowledgements.forgettable,
      gapAfter: (position) => this.#gapAfter(formatPosition(position)),
      own: this.#own,
      maxBatch,
      signal: ending.signal,
    });
    this.#follower = follower;
    try {
      yield* follower.batches(positionOf(after));
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    } finally {
      this.#follower = undefined;
      ending.release();
    }
  }

  acknowledge(position: string): Promise<void> {
    this.#acknowledgements.acknowledge(this, positionOf(position).lsn);
    return Promise.resolve();
  }

  compare(a: string, b: string): number {
    return comparePositions(positionOf(a), positionOf(b));
  }

  async end(): Promise<string> {
    const { system, timeline } = await this.#onReplication(identify);
    return this.#sideLine.ask('asking where the log ends', async (client) => {
      const layout = await readLayout(client, this.#options, system);
      const lsn = lsnOf((await client.query(`select ${serverEnd()} as end`)).rows[0]?.['end']);
      return formatPosition({ lsn, within: 0, timeline, layout: layout?.fingerprint ?? '0'.repeat(16) });
    });
  }

  lag(position: string): Promise<SourceLag> {
    const { lsn } = positionOf(position);
    return this.#sideLine.ask('asking for the lag', async (client) => {
      const end = lsnOf((await client.query(`select ${serverEnd()} as end`)).rows[0]?.['end']);
      const slot = this.#options.temporary ? null : await readSlot(client, this.#options.slot);
      return {
        bytes: end > lsn ? Number(end - lsn) : 0,
        ...(slot && { retainedBytes: slot.retainedBytes }),
      };
    });
  }

  async close(): Promise<void> {
    this.#release();
    this.#closing.abort();
    this.#acknowledgements.release(this);
    const own = this.#own;
    this.#own = undefined;
    await Promise.all([this.#sideLine.close(), own && close(own.client)]);
  }

  async #prepare(): Promise<void> {
    const report = await this.#sideLine.ask('looking at the server', (client) =>
      prepareOn(client, this.#options),
    );
    if (report.isReady) return;
    const problems = report.findings.filter(({ level }) => level === 'problem');
    throw sourceError(`Postgres is not ready for this source:\n${textOf(problems)}`);
  }

  /** Another one when somebody changed the table between a snapshot and its first row. */
  async #snapshotInTime(
    signal: AbortSignal,
    onInvalid: ((row: InvalidRow) => void) | undefined,
  ): Promise<Snapshot<R>> {
    for (let tries = 0; tries < snapshotTries; tries++) {
      const snapshot = await takeSnapshot<R>({
        options: this.#options,
        connections: this.#connections,
        signals: [signal, this.#closing.signal],
        onInvalid,
        createSlot: (replication) => this.#createSlot(replication),
        lookNow: (system) =>
          this.#sideLine.ask('looking at the table', (client) => lookAtTable(client, this.#options, system)),
        keeps: (client, { name: slot }) => {
          if (!this.#options.temporary || this.#own) return false;
          this.#own = { client, slot };
          return true;
        },
      });
      if (snapshot) return snapshot;
    }
    throw sourceError(`The table was changed ${snapshotTries} times right before it was to be read.`);
  }

  #gapAfter(checkpoint: string): Promise<Reload | undefined> {
    return this.#onReplication(async (replication) => {
      const server = await identify(replication);
      return this.#sideLine.ask('looking for the checkpoint', (ordinary) =>
        whyNotFrom(positionOf(checkpoint), this.#options, server, { ordinary, replication }),
      );
    });
  }

  async #onReplication<T>(work: (replication: PgClient) => Promise<T>): Promise<T> {
    const replication = await this.#connections.open('replication', this.#closing.signal);
    try {
      return await work(replication);
    } finally {
      await close(replication);
    }
  }

  /** The slot itself when it is not there yet; else one beside it, which says exactly where its snapshot stands. */
  async #createSlot(replication: PgClient): Promise<CreatedSlot> {
    const { slot, temporary, failover } = this.#options;
    if (temporary) return createPassingSlot(replication, slot);
    const isThere = await this.#sideLine.ask('looking at the slot', async (client) => {
      const state = await readSlot(client, slot);
      if (state?.lost === undefined) return state !== null;
      if (!this.#options.create) {
        throw sourceError(
          `The slot ${slot} is lost: ${state.lost}. Drop it and create it anew, or let the source do so (\`create\`).`,
        );
      }
      await dropSlot(client, slot);
      return false;
    });
    return isThere
      ? createPassingSlot(replication, slot)
      : createSlot(replication, slot, { temporary: false, failover });
  }
}
