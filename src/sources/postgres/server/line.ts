import type { ArrayQuery, PgClient, PgWire, Submittable, TextRow } from './pg-client.js';

export interface Attention {
  /** For so long nothing need come before it is asked whether the server is at work. */
  readonly silenceMs: number;
  isAtWork(line: { readonly processID: number }): Promise<boolean>;
  giveUp(line: { readonly processID: number }): Promise<void>;
}

/**
 * A client of pg whose questions are answered or fail: on a line that died without a word, pg would wait for ever. A
 * server may be silent for as long as it works on an answer, or waits for a lock.
 */
export class Line implements PgClient {
  /** Of the process of the server that is at the other end. */
  readonly processID: number;
  readonly #client: PgClient;
  readonly #attention: Attention;
  /** What broke the line. Later errors say only that it is broken. */
  #loss: unknown;
  #unanswered = 0;

  /** @param client one that is connected */
  constructor(client: PgClient, processID: number, attention: Attention) {
    this.processID = processID;
    this.#client = client;
    this.#attention = attention;
    client.on('error', (error) => {
      this.#loss ??= error;
    });
    client.connection.stream.on('timeout', () => {
      void this.#onSilence();
    });
  }

  get connection(): PgWire {
    return this.#client.connection;
  }

  connect(): Promise<unknown> {
    return this.#client.connect();
  }

  query(text: string, values?: readonly unknown[]): Promise<{ rows: TextRow[] }>;
  query(query: ArrayQuery): Promise<{ rows: (string | null)[][] }>;
  query(query: Submittable): unknown;
  query(query: string | ArrayQuery | Submittable, values?: readonly unknown[]): unknown {
    if (typeof query === 'string') return this.#answerOf(this.#client.query(query, values));
    return 'submit' in query ? this.#client.query(query) : this.#answerOf(this.#client.query(query));
  }

  isAtWork(): Promise<boolean> {
    return this.#attention.isAtWork(this);
  }

  /** Passing: another one may be better. */
  giveUp(): void {
    this.connection.stream.destroy(new Error('Connection terminated by silence'));
    void this.#attention.giveUp(this);
  }

  end(): Promise<void> {
    return this.#client.end();
  }

  on(event: 'error' | 'end', listener: (error: unknown) => void): unknown;
  on(event: 'notification', listener: () => void): unknown;
  on(event: 'error' | 'end' | 'notification', listener: (error: unknown) => void): unknown {
    return this.#client.on(event as 'error', listener);
  }

  async #answerOf<T>(asking: Promise<T>): Promise<T> {
    const { stream } = this.connection;
    if (this.#unanswered++ === 0) stream.setTimeout(this.#attention.silenceMs);
    try {
      return await asking;
    } catch (error) {
      throw this.#loss ?? error;
    } finally {
      if (--this.#unanswered === 0) stream.setTimeout(0);
    }
  }

  async #onSilence(): Promise<void> {
    const { stream } = this.connection;
    const heard = stream.bytesRead;
    const isAtWork = await this.isAtWork();
    if (this.#unanswered === 0 || stream.bytesRead !== heard) return;
    if (isAtWork) stream.setTimeout(this.#attention.silenceMs);
    else this.giveUp();
  }
}
