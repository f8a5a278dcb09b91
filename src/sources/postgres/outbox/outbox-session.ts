import type {
  ChangeBatch,
  ChangesOptions,
  InvalidRow,
  Snapshot,
  SourceLag,
  SourceSession,
} from '../../../sync/source.js';
import { anySignal } from '../../../any-signal.js';
import type { Connections } from '../server/connections.js';
import { textOf } from '../server/finding.js';
import { sourceError } from '../server/postgres-error.js';
import { quoteTable } from '../server/quoting.js';
import { SideLine } from '../server/side-line.js';
import { Acknowledger } from './acknowledger.js';
import type { ResolvedOptions } from './options.js';
import { OutboxFollower } from './outbox-follower.js';
import { boundsOf, rowsIn } from './outbox-reader.js';
import { takeOver } from './outbox-state.js';
import { compareMarks, formatPosition, parsePosition, positionOf } from './position.js';
import { prepareOn } from './prepare.js';
import type { Readers } from './readers.js';
import { resumeAt } from './resume-check.js';
import { makeSafe } from './safe-log.js';
import { takeSnapshot } from './snapshot.js';
import { Sweep } from './sweep.js';
import { Turns } from './turns.js';

const snapshotTries = 5;

export class OutboxSession<R extends object> implements SourceSession<R> {
  readonly #options: ResolvedOptions;
  readonly #connections: Connections;
  readonly #readers: Readers;
  readonly #closing = new AbortController();
  readonly #sideLine: SideLine;
  readonly #turns = new Turns();
  readonly #acknowledger: Acknowledger;
  readonly #release: () => void;
  #follower: OutboxFollower<R> | undefined;

  static async open<R extends object>(
    options: ResolvedOptions,
    connections: Connections,
    readers: Readers,
    signal: AbortSignal,
  ): Promise<OutboxSession<R>> {
    const session = new OutboxSession<R>(options, connections, readers, signal);
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
    readers: Readers,
    opener: AbortSignal,
  ) {
    this.#options = options;
    this.#connections = connections;
    this.#readers = readers;
    const end = () => {
      this.#closing.abort(opener.reason);
    };
    opener.addEventListener('abort', end);
    this.#release = () => {
      opener.removeEventListener('abort', end);
    };
    if (opener.aborted) end();
    this.#sideLine = new SideLine(connections, this.#closing.signal);
    const sweep = new Sweep(
      (work) => this.#sideLine.ask('deleting from the outbox', work),
      options.names,
      readers.token,
    );
    this.#acknowledger = new Acknowledger({
      delayMs: options.acknowledgeAfterMs,
      mayForget: () => readers.isAlone(this),
      forget: (position) => sweep.delete(position),
    });
  }

  get isConnected(): boolean {
    return this.#follower?.isConnected ?? true;
  }

  async resume(checkpoint: string | null): ReturnType<SourceSession<R>['resume']> {
    if (checkpoint === null) return { reload: 'no-checkpoint', detail: 'There is no checkpoint yet.' };
    const position = parsePosition(checkpoint);
    if (!position) {
      const detail = `The checkpoint ${checkpoint.slice(0, 80)} is not a position of an outbox source.`;
      return { reload: 'unknown-position', detail };
    }
    await this.#acknowledger.settle();
    const resumed = await this.#sideLine.ask('looking for the checkpoint', (client) =>
      resumeAt(client, position, this.#options, this.#readers.token),
    );
    if ('reload' in resumed) return resumed;
    this.#readers.enter(this);
    this.#acknowledger.begin(resumed.forgotten);
    this.#acknowledger.acknowledge(position);
    return { from: formatPosition(resumed) };
  }

  async snapshot(signal: AbortSignal, onInvalid?: (row: InvalidRow) => void): Promise<Snapshot<R>> {
    await this.#prepare();
    this.#readers.enter(this);
    return this.#snapshotInTime(signal, onInvalid);
  }

  async *changes(
    after: string,
    { signal, maxBatch }: ChangesOptions,
  ): AsyncGenerator<ChangeBatch<R>, void, undefined> {
    const ending = anySignal(signal, this.#closing.signal);
    const follower = new OutboxFollower<R>({
      options: this.#options,
      connections: this.#connections,
      turns: this.#turns,
      reader: this.#readers.token,
      sideLine: this.#sideLine,
      forgotten: () => this.#acknowledger.forgotten,
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
    this.#acknowledger.acknowledge(positionOf(position));
    return Promise.resolve();
  }

  compare(a: string, b: string): number {
    return compareMarks(positionOf(a), positionOf(b));
  }

  lag(position: string): Promise<SourceLag> {
    const missing = boundsOf(positionOf(position).applied.complement());
    const outbox = quoteTable(this.#options.names.outbox);
    return this.#sideLine.ask('asking for the lag', async (client) => {
      const sql = `select count(*) as events, extract(epoch from clock_timestamp() - min(row.at)) * 1000 as ms
        from ${rowsIn(outbox, 'o.at')}`;
      const row = (await client.query(sql, missing)).rows[0];
      return { events: Number(row?.['events']), ms: Math.max(0, Math.round(Number(row?.['ms'] ?? 0))) };
    });
  }

  async close(): Promise<void> {
    this.#release();
    this.#closing.abort();
    this.#acknowledger.stop();
    this.#readers.leave(this);
    await this.#sideLine.close();
  }

  /** Another one when somebody changed the table while it began. */
  async #snapshotInTime(
    signal: AbortSignal,
    onInvalid: ((row: InvalidRow) => void) | undefined,
  ): Promise<Snapshot<R>> {
    const { names } = this.#options;
    for (let tries = 0; tries < snapshotTries; tries++) {
      const snapshot = await takeSnapshot<R>({
        options: this.#options,
        connections: this.#connections,
        turns: this.#turns,
        signals: [signal, this.#closing.signal],
        onInvalid,
        takeOver: () =>
          this.#sideLine.ask('beginning a snapshot', (client) =>
            takeOver(client, names, this.#readers.token),
          ),
        makeSafe: () => this.#sideLine.ask('beginning a snapshot', (client) => makeSafe(client, names)),
      });
      if (snapshot) return snapshot;
    }
    throw sourceError(`The table was changed ${snapshotTries} times right before it was to be read.`);
  }

  async #prepare(): Promise<void> {
    const report = await this.#sideLine.ask('looking at the table', (client) =>
      prepareOn(client, this.#options, this.#readers.creationPauses),
    );
    if (report.isReady) return;
    const problems = report.findings.filter(({ level }) => level === 'problem');
    throw sourceError(`Postgres is not ready for this source:\n${textOf(problems)}`);
  }
}
