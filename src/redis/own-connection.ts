import type { RedisClient } from './client.js';
import { send } from './client.js';
import { toPrefetchError } from './failure.js';

export interface OwnConnection {
  readonly signal: AbortSignal;
  /** After so long without a word in either direction the connection is given up, and made anew. */
  readonly silenceMs: number;
  /** Called before the connection is connected, so that the attempt can be ended. */
  readonly onMade: (connection: RedisClient) => void;
  /** Hears what goes wrong with it, and null when it is well again. */
  readonly onTrouble: (error: Error | null) => void;
}

/**
 * A connection beside the caller's client, so that bulk writes do not stand before lookups in a queue. Whoever asks
 * for it ends it.
 *
 * @throws PrefetchError
 */
export async function connectOwn(client: RedisClient, options: OwnConnection): Promise<RedisClient> {
  const { signal, silenceMs, onMade, onTrouble } = options;
  if (!client.isOpen) throw toPrefetchError(new Error('The client is closed'));
  const database = client.isReady ? await selectedDatabase(client) : undefined;
  signal.throwIfAborted();
  const connection = client.duplicate({
    ...(database !== undefined && { database }),
    socket: givingUpSilence(client, silenceMs),
  });
  onMade(connection);
  connection.on('error', (error) => {
    onTrouble(error as Error);
  });
  connection.on('ready', () => {
    onTrouble(null);
  });
  await connection.connect().catch((error: unknown) => {
    throw toPrefetchError(error);
  });
  // node-redis goes on connecting a client that is destroyed meanwhile
  if (signal.aborted) connection.destroy();
  signal.throwIfAborted();
  return connection;
}

interface SocketOptions {
  readonly socketTimeout?: number;
  readonly reconnectStrategy?: false | number | ((retries: number, cause: Error) => unknown);
}

/** A client whose socket was silent for too long is ended by node-redis, unless its strategy says otherwise. */
function givingUpSilence(client: RedisClient, silenceMs: number): SocketOptions {
  const given = (client as { options?: { socket?: SocketOptions } }).options?.socket ?? {};
  const { reconnectStrategy: strategy } = given;
  if (strategy === false || typeof strategy === 'number') return given;
  return {
    socketTimeout: silenceMs,
    ...given,
    reconnectStrategy: (retries, cause) => {
      const isSilence = cause.constructor.name.startsWith('SocketTimeout');
      if (!strategy) return Math.min(50 * 2 ** retries, 2_000) + Math.random() * 200;
      return strategy(retries, isSilence ? new Error(cause.message) : cause);
    },
  };
}

/** What select() chose, which the client's options do not know; undefined where this user may not ask. */
async function selectedDatabase(client: RedisClient): Promise<number | undefined> {
  const info = await send(client, ['CLIENT', 'INFO']).catch(() => undefined);
  const database = typeof info === 'string' ? /\bdb=(\d+)/.exec(info)?.[1] : undefined;
  return database === undefined ? undefined : Number(database);
}
