import type { Change } from '../../../cache/change.js';
import type { ChangeBatch } from '../../../sync/source.js';
import type { Lsn } from './lsn.js';
import type { RelationColumn, ReplicationMessage } from './pgoutput.js';
import { type Position, formatPosition } from './position.js';
import { sourceError } from '../server/postgres-error.js';
import type { RowMapper } from '../rows/row-mapper.js';
import type { TableLayout } from './table-layout.js';

/** As the server sends them. A batch is held in memory several times. */
const mostBytes = 8_000_000;

interface OpenTransaction {
  readonly commitLsn: Lsn;
  readonly timestampMs: number;
  /** How many of its changes came, those that were passed over too. */
  changes: number;
}

/**
 * Makes batches of messages. Small transactions share one; a large one is cut into several, and can be gone on with
 * after each of them.
 */
export class TransactionBatches<R> {
  readonly #layout: TableLayout;
  readonly #mapper: RowMapper<R>;
  readonly #maxBatch: number;
  #position: Position;
  #changes: Change<R>[] = [];
  /** So many of the changes are of transactions that have ended. */
  #ended = 0;
  #bytes = 0;
  #endedBytes = 0;
  #transaction: OpenTransaction | undefined;
  #isMoved = false;
  readonly #resumesAt: Position;

  /** @param after inside of a transaction, its first changes are passed over: they come in the same order again */
  constructor(layout: TableLayout, mapper: RowMapper<R>, after: Position, maxBatch: number) {
    this.#layout = layout;
    this.#mapper = mapper;
    this.#position = after;
    this.#resumesAt = after;
    this.#maxBatch = maxBatch;
  }

  /** A transaction has begun and not ended. */
  get isInside(): boolean {
    return this.#transaction !== undefined;
  }

  /** The position has moved, and no change would tell. */
  get isSilentlyMoved(): boolean {
    return this.#isMoved && this.#changes.length === 0;
  }

  /** Gives the batches that are full, in changes or in bytes. */
  *take(message: ReplicationMessage, bytes = 0): Generator<ChangeBatch<R>, void, undefined> {
    switch (message.kind) {
      case 'begin':
        this.#transaction = { ...message, changes: 0 };
        return;
      case 'commit':
        this.#transaction = undefined;
        this.#moveTo(message.endLsn);
        return;
      case 'relation':
        if (message.relation === this.#layout.relation) this.#check(message.columns);
        return;
      default:
        yield* this.#add(this.#changesOf(message), bytes);
    }
  }

  /** The server has nothing before this that was not sent. */
  alive(walEnd: Lsn): void {
    if (!this.isInside && walEnd > this.#position.lsn) this.#moveTo(walEnd);
  }

  /** What has ended, if anything has. */
  *flush(): Generator<ChangeBatch<R>, void, undefined> {
    if (this.#ended > 0) yield this.#complete();
  }

  /** An empty batch that moves the position. */
  heartbeat(): ChangeBatch<R> {
    return this.#complete();
  }

  #moveTo(lsn: Lsn): void {
    this.#position = { ...this.#position, lsn, within: 0 };
    this.#ended = this.#changes.length;
    this.#endedBytes = this.#bytes;
    this.#isMoved = true;
  }

  *#add(changes: readonly Change<R>[], bytes: number): Generator<ChangeBatch<R>, void, undefined> {
    const transaction = this.#transaction;
    if (!transaction) {
      if (changes.length > 0) throw sourceError('Postgres sent a change outside of a transaction.');
      return;
    }
    for (const change of changes) {
      transaction.changes++;
      if (this.#wasGiven(transaction)) continue;
      while (this.#isFullFor(bytes)) yield this.#ended > 0 ? this.#complete() : this.#part();
      this.#changes.push(change);
      this.#bytes += bytes;
    }
  }

  #isFullFor(bytes: number): boolean {
    const { length } = this.#changes;
    return length >= this.#maxBatch || (length > 0 && this.#bytes + bytes > mostBytes);
  }

  #wasGiven({ commitLsn, changes }: OpenTransaction): boolean {
    return commitLsn === this.#resumesAt.lsn && changes <= this.#resumesAt.within;
  }

  #complete(): ChangeBatch<R> {
    const changes = this.#changes.splice(0, this.#ended);
    this.#bytes -= this.#endedBytes;
    this.#ended = this.#endedBytes = 0;
    this.#isMoved = false;
    return { changes, position: formatPosition(this.#position), complete: true };
  }

  /** Called before the latest change of the transaction is added, so that it is not counted. */
  #part(): ChangeBatch<R> {
    const { commitLsn = 0n, changes: count = 1 } = this.#transaction ?? {};
    const changes = this.#changes.splice(0);
    this.#bytes = 0;
    const position = { ...this.#position, lsn: commitLsn, within: count - 1 };
    return { changes, position: formatPosition(position), complete: true };
  }

  #changesOf(message: ReplicationMessage): readonly Change<R>[] {
    const timestampMs = this.#transaction?.timestampMs ?? 0;
    const { relation } = this.#layout;
    if (message.kind === 'truncate') {
      return message.relations.includes(relation) ? [{ op: 'truncate', timestampMs }] : [];
    }
    if (!('relation' in message) || message.relation !== relation) return [];
    switch (message.kind) {
      case 'insert':
        return this.#mapper.insert(message.row, timestampMs);
      case 'update':
        return this.#mapper.update(message.before, message.row, timestampMs);
      case 'delete':
        return this.#mapper.delete(message.before, timestampMs);
      default:
        return [];
    }
  }

  #check(columns: readonly RelationColumn[]): void {
    const { published } = this.#layout;
    const isSame =
      columns.length === published.length &&
      columns.every(({ name, type }, n) => published[n]?.name === name && published[n].type === type);
    if (!isSame) throw sourceError('The columns of the table changed: it has to be loaded again.');
  }
}
