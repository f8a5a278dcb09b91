import { type Lsn, formatLsn } from './lsn.js';
import type { Line } from '../server/line.js';
import type { PgWire, Submittable } from '../server/pg-client.js';
import { postgresError, sourceError } from '../server/postgres-error.js';
import { quoteName, quoteText } from '../server/quoting.js';
import { type Frame, decodeFrame, encodeStatus } from './wire-frames.js';

const mostBytesWaiting = 4_000_000;
const patienceWithShutdownMs = 10_000;
const askedAgainMs = 400;

export interface StreamOptions {
  readonly slot: string;
  readonly publication: string;
  readonly from: Lsn;
  /** What the server may forget. */
  readonly applied: () => Lsn;
  readonly statusMs: number;
  readonly silenceMs: number;
}

/** What the server sends from a slot, from the first command to the break of the line. */
export class ReplicationStream {
  readonly #line: Line;
  readonly #options: StreamOptions;
  #wire: PgWire | undefined;
  #frames: Frame[] = [];
  #bytesWaiting = 0;
  #isPaused = false;
  #hasBegun = false;
  #heardAt = performance.now();
  #bytesRead = 0;
  #isAsking = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Since when the server has asked for a reply again and again. */
  #asked: { readonly since: number; times: number; at: number } | undefined;

  constructor(line: Line, options: StreamOptions) {
    this.#line = line;
    this.#options = options;
  }

  /** Resolves when the server has begun to send. */
  start(): Promise<void> {
    const { slot, publication, from, statusMs } = this.#options;
    const text = `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(from)} (proto_version '1', publication_names ${quoteText(quoteName(publication))})`;
    return new Promise((resolve, reject) => {
      const handler: Submittable = {
        submit: (wire) => {
          this.#wire = wire;
          wire.once('replicationStart', () => {
            this.#hasBegun = true;
            resolve();
          });
          wire.query(text);
          if (this.#failure) return; // it was ended before it began
          this.#timer = setInterval(() => {
            this.#onTime();
          }, statusMs).unref();
        },
        handleCopyData: ({ chunk }) => {
          this.#take(chunk);
        },
        handleError: (error) => {
          this.fail(postgresError('following', error));
          reject(this.#failure ?? sourceError('Postgres ended the stream.'));
        },
        handleReadyForQuery: () => {
          this.fail(sourceError('Postgres ended the stream.', new Error('Connection ended by the server')));
        },
        handleCommandComplete: () => undefined,
        handleRowDescription: () => undefined,
        handleDataRow: () => undefined,
        handleEmptyQuery: () => undefined,
      };
      this.#line.query(handler);
    });
  }

  /** All that came since; waits until there is something. */
  async next(): Promise<readonly Frame[]> {
    while (this.#frames.length === 0) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const frames = this.#frames;
    this.#frames = [];
    this.#bytesWaiting = 0;
    return frames;
  }

  /**
   * We talk often enough, so a server asks for more only when it wants to shut down: it then waits until everything
   * is acknowledged.
   */
  get isAskedToEnd(): boolean {
    return (this.#asked?.times ?? 0) > 2;
  }

  /** Nothing came for so long that something would have, had anything been alright. */
  get isSilent(): boolean {
    return !this.#isPaused && performance.now() - this.#heardAt > this.#options.silenceMs;
  }

  /** What was taken by next() is dealt with: more may come. */
  goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#heardAt = performance.now();
    this.#wire?.stream.resume();
  }

  /** What came before is still given by next(). */
  fail(error: Error): void {
    this.#failure ??= error;
    clearInterval(this.#timer);
    this.#wake();
  }

  #take(chunk: Buffer): void {
    if (this.#failure) return;
    try {
      const frame = decodeFrame(chunk);
      if (frame.kind === 'alive' && frame.wantsReply) this.#reply();
      if (frame.kind === 'message') this.#bytesWaiting += frame.bytes;
      if (frame.kind === 'alive' && this.#frames.at(-1)?.kind === 'alive') this.#frames.pop();
      this.#frames.push(frame);
    } catch (error) {
      this.fail(sourceError(`Postgres sent what cannot be read: ${String(error)}`, error));
    }
    if (this.#bytesWaiting > mostBytesWaiting && !this.#isPaused) {
      this.#isPaused = true;
      this.#wire?.stream.pause();
    }
    this.#wake();
  }

  /** @see isAskedToEnd; we must not be what keeps the server from shutting down when nothing can be applied */
  #reply(): void {
    this.#tellStatus(false);
    const now = performance.now();
    if (!this.#asked || now - this.#asked.at > askedAgainMs) this.#asked = { since: now, times: 0, at: now };
    this.#asked.at = now;
    this.#asked.times++;
    if (this.#asked.times > 2 && now - this.#asked.since > patienceWithShutdownMs) {
      this.fail(sourceError('Postgres wants to shut down.', new Error('Connection ended for a shutdown')));
      this.#wire?.stream.destroy();
    }
  }

  /** The server must hear from us while we are busy, and we from it while nothing happens. */
  #onTime(): void {
    if (this.#hasBegun) this.#tellStatus(true);
    this.#listen();
    if (this.isSilent && !this.#isAsking) void this.#onSilence();
  }

  /** Also to a part of a message: a long one takes its time. */
  #listen(): void {
    const { bytesRead } = this.#line.connection.stream;
    if (bytesRead === this.#bytesRead) return;
    this.#bytesRead = bytesRead;
    this.#heardAt = performance.now();
  }

  /** A server that is busy with a large transaction that is none of ours says nothing meanwhile. */
  async #onSilence(): Promise<void> {
    this.#isAsking = true;
    const isAtWork = await this.#line.isAtWork();
    this.#isAsking = false;
    this.#listen();
    if (this.#failure || !this.isSilent) return;
    if (isAtWork) this.#heardAt = performance.now();
    else this.#line.giveUp();
  }

  #tellStatus(wantsReply: boolean): void {
    this.#wire?.sendCopyFromChunk(encodeStatus(this.#options.applied(), wantsReply));
  }
}
