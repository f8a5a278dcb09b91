import type { Change } from '../cache/change.js';

export type { Change } from '../cache/change.js';

/** Why a source cannot go on from a checkpoint. */
export type ReloadReason = 'no-checkpoint' | 'unknown-position' | 'lost-changes' | 'source-changed';

/** Changes in the order in which they happened, and where the source stands after them. */
export interface ChangeBatch<R> {
  /** May be empty: a heartbeat that moves the position. */
  readonly changes: readonly Change<R>[];
  readonly position: string;
  /** False when the source could not go on from this position, as inside of something large: there is no checkpoint. */
  readonly complete: boolean;
}

/** A row of which no record can be made. */
export interface InvalidRow {
  readonly id?: string | undefined;
  readonly raw: unknown;
  readonly reason: string;
}

/** All records of the primary as of one position. */
export interface Snapshot<R> {
  readonly position: string;
  /** False when records may be newer than the position; never may they be older. */
  readonly exact: boolean;
  readonly records: AsyncIterable<readonly R[]>;
  /** How many records there are, where that is known beforehand. */
  readonly total?: number | undefined;
  close(): Promise<void>;
}

export interface ChangesOptions {
  readonly signal: AbortSignal;
  readonly maxBatch: number;
}

export interface SourceLag {
  readonly events?: number;
  readonly bytes?: number;
  readonly ms?: number;
  /** How much the primary keeps because it may still be asked for. */
  readonly retainedBytes?: number;
}

/** Something that an operator should know before it becomes a failure. No secrets are in it. */
export interface SourceWarning {
  readonly code: string;
  readonly message: string;
}

/** One worker's conversation with a primary. */
export interface SourceSession<R> {
  /**
   * False while the primary is away and is tried again: nobody can say how current the dataset is.
   *
   * @default true
   */
  readonly isConnected?: boolean;
  /** Says whether the changes after the checkpoint can still be had, all of them. */
  resume(checkpoint: string | null): Promise<{ from: string } | { reload: ReloadReason; detail: string }>;
  /** @param onInvalid hears, while the records are read, of rows that are left out; without it the first one ends them */
  snapshot(signal: AbortSignal, onInvalid?: (row: InvalidRow) => void): Promise<Snapshot<R>>;
  /** Everything that happens after a position. Ends only when the signal aborts. */
  changes(after: string, options: ChangesOptions): AsyncIterable<ChangeBatch<R>>;
  /** Lets the source forget what came up to here. Correctness never rests on it. */
  acknowledge(position: string): Promise<void>;
  /** Negative when a is before b, 0 when they are the same, positive when a is after b. */
  compare(a: string, b: string): number;
  /**
   * The position of the latest change that there is now. Comparing a dataset with a snapshot that is not exact needs
   * it.
   */
  end?(): Promise<string>;
  lag(position: string): Promise<SourceLag>;
  close(): Promise<void>;
}

/** A primary, seen as a snapshot and changes. */
export interface ChangeSource<R> {
  readonly name: string;
  open(signal: AbortSignal, onWarning?: (warning: SourceWarning) => void): Promise<SourceSession<R>>;
}
