import { PrefetchError } from '../../../errors.js';

export type TextRow = Readonly<Record<string, string | null>>;

/** Something that pg sends, and that handles the answers itself. */
export interface Submittable {
  submit(wire: PgWire): void;
  handleCopyData(message: { readonly chunk: Buffer }): void;
  handleError(error: unknown): void;
  handleReadyForQuery(): void;
  handleCommandComplete(): void;
  handleRowDescription(): void;
  handleDataRow(): void;
  handleEmptyQuery(): void;
}

/** The part of a socket that we need. */
export interface PgSocket {
  readonly bytesRead: number;
  pause(): unknown;
  resume(): unknown;
  destroy(error?: Error): unknown;
  /** 0 ends it. */
  setTimeout(silenceMs: number): unknown;
  on(event: 'timeout', listener: () => void): unknown;
}

/** The part of pg's connection that we need. */
export interface PgWire {
  readonly stream: PgSocket;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  once(event: 'replicationStart', listener: () => void): unknown;
}

export interface ArrayQuery {
  /** The server plans it once for each connection. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly rowMode: 'array';
}

/** The part of a client of pg that we need, with all values as text. */
export interface PgClient {
  readonly connection: PgWire;
  connect(): Promise<unknown>;
  query(text: string, values?: readonly unknown[]): Promise<{ rows: TextRow[] }>;
  query(query: ArrayQuery): Promise<{ rows: (string | null)[][] }>;
  query(query: Submittable): unknown;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: (error: unknown) => void): unknown;
  on(event: 'notification', listener: () => void): unknown;
}

export type PgClientConstructor = new (config: object) => PgClient;

/**
 * The class `Client` of pg, loaded when it is needed.
 *
 * @throws PrefetchError when pg is not installed
 */
export async function loadPg(): Promise<PgClientConstructor> {
  try {
    const { default: pg } = await import('pg');
    return pg.Client as unknown as PgClientConstructor;
  } catch (error) {
    const message = 'The Postgres source needs the package pg: npm install pg';
    throw new PrefetchError('ERR_PREFETCH_OPTION', message, { cause: error });
  }
}
