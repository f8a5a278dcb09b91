import { PrefetchError, optionError } from '../errors.js';

/** A command on one key: its name, the key, its arguments. */
export type RedisCommand = readonly [name: string, key: string, ...args: string[]];

/** What is needed of a node-redis client, so that any compatible one fits. */
export interface RedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  sendCommand(args: readonly string[], options?: object): Promise<unknown>;
  duplicate(overrides?: { database?: number; socket?: object }): RedisClient;
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  once(event: string, listener: (...args: unknown[]) => void): unknown;
  listenerCount(event: string): number;
}

const requiredMethods = ['sendCommand', 'duplicate', 'on', 'once', 'listenerCount'] as const;

/**
 * Replies come as plain strings whatever the caller configured for the client, and no command carries a timeout of
 * its own: lookups have their deadline, and an abort timer a command costs more than everything else we add.
 */
const plainReplies = Object.freeze({ typeMapping: Object.freeze({}), timeout: undefined });

export function send(client: RedisClient, command: readonly string[]): Promise<unknown> {
  return client.sendCommand(command, plainReplies);
}

/** What tells a client that is set up for something else, or is none of one server. */
interface Telltales {
  options?: { keyPrefix?: unknown };
  getRandomNode?: unknown; // a cluster
  getSentinelNode?: unknown; // a sentinel
}

/** Throws unless the client can be used for a dataset. */
export function checkClient(given: unknown): asserts given is RedisClient {
  const client = given as (RedisClient & Telltales) | null | undefined;
  if (requiredMethods.some((method) => typeof client?.[method] !== 'function')) {
    throw optionError('client', 'a node-redis client, such as createClient() gives', given);
  }
  if (typeof client?.getRandomNode === 'function' || typeof client?.getSentinelNode === 'function') {
    throw optionError('client', 'connected to one server, as createClient() gives', given);
  }
  if (client?.options?.keyPrefix !== undefined) {
    throw new PrefetchError(
      'ERR_PREFETCH_OPTION',
      'Expected `client` to have no `keyPrefix`: the name of the schema is the prefix of all keys of a dataset.',
    );
  }
  if (client?.listenerCount('error') === 0) {
    throw new PrefetchError(
      'ERR_PREFETCH_CLIENT_WITHOUT_ERROR_LISTENER',
      "The Redis client has no `error` listener, so a dropped connection would end the process. Add client.on('error', …) first.",
    );
  }
}
