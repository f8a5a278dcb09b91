import { setTimeout as sleep } from 'node:timers/promises';
import { PrefetchError } from '../errors.js';
import { type RedisClient, send } from '../redis/client.js';
import { toPrefetchError } from '../redis/failure.js';
import type { Keys } from '../redis/keys.js';
import { serverTime } from '../redis/server-time.js';
import { unlessAborted } from '../settling.js';
import { type CommandArguments, type CommandName, mostCommands, resultIn, writeCommand } from './commands.js';

const pollMs = 50;

/** Asks something of the worker that writes a dataset, wherever it runs. */
export class CommandSender {
  readonly #client: RedisClient;
  readonly #keys: Keys;

  constructor(client: RedisClient, keys: Keys) {
    this.#client = client;
    this.#keys = keys;
  }

  /**
   * What the worker did, or the error that it met.
   *
   * @throws PrefetchError `ERR_PREFETCH_NO_WRITER` when none answers in time
   */
  async ask<N extends CommandName>(name: N, args: CommandArguments[N], timeoutMs: number): Promise<unknown> {
    const ending = new AbortController();
    const timer = setTimeout(() => {
      ending.abort(noWriter(timeoutMs));
    }, timeoutMs);
    try {
      const id = await unlessAborted(this.#post(name, args, timeoutMs), ending.signal);
      return await unlessAborted(this.#answer(id, ending.signal), ending.signal);
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
  }

  async #post<N extends CommandName>(name: N, args: CommandArguments[N], timeoutMs: number): Promise<string> {
    try {
      const waiting = (await send(this.#client, ['XLEN', this.#keys.commands])) as number;
      if (waiting >= mostCommands) throw tooMany(waiting);
      const expiresAt = (await serverTime(this.#client)) + timeoutMs;
      return (await send(this.#client, writeCommand(this.#keys, name, args, expiresAt))) as string;
    } catch (error) {
      throw toPrefetchError(error);
    }
  }

  /** The command is posted: what happens to the connection after that does not undo it. */
  async #answer(id: string, signal: AbortSignal): Promise<unknown> {
    while (!signal.aborted) {
      const answer = await this.#readPatiently(this.#keys.answer(id));
      if (answer !== null) return resultIn(answer);
      await sleep(pollMs);
    }
    return undefined; // nobody waits any more
  }

  async #readPatiently(key: string): Promise<string | null> {
    try {
      return (await send(this.#client, ['GET', key])) as string | null;
    } catch (error) {
      const failure = toPrefetchError(error);
      if (failure.code !== 'ERR_PREFETCH_UNAVAILABLE') throw failure;
      return null;
    }
  }
}

function noWriter(timeoutMs: number): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_NO_WRITER',
    `No worker of the dataset answered within ${timeoutMs} ms. See whether one runs, and Redis.`,
  );
}

function tooMany(waiting: number): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_NO_WRITER',
    `${waiting} commands wait for the worker already. See whether one runs.`,
  );
}
