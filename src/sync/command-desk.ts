import { inspect } from 'node:util';
import type { Entity } from 'redis-om';
import type { DatasetAccess } from '../cache/dataset-access.js';
import { asPrefetchError } from './as-prefetch-error.js';
import {
  type Answer,
  type Command,
  type CommandArguments,
  type CommandName,
  commandOf,
  writeAnswer,
} from './commands.js';

/** What the writer can be told to do. */
export type Orders = { [N in CommandName]: (args: CommandArguments[N]) => Promise<unknown> };

/** Takes what is asked of the writer, each command once, and answers. */
export class CommandDesk<T extends Entity> {
  readonly #access: DatasetAccess<T>;
  readonly #signal: AbortSignal;
  readonly #orders: Orders;
  readonly #known = new Set<string>();

  constructor(access: DatasetAccess<T>, signal: AbortSignal, orders: Orders) {
    this.#access = access;
    this.#signal = signal;
    this.#orders = orders;
  }

  /** Hears all commands that wait, those that it serves already among them. */
  hear(waiting: readonly (readonly [id: string, fields: string[]])[]): void {
    const ids = new Set(waiting.map(([id]) => id));
    for (const id of this.#known) if (!ids.has(id)) this.#known.delete(id);
    for (const [id, fields] of waiting) {
      if (this.#known.has(id)) continue;
      this.#known.add(id);
      // What goes wrong here ends the term, of which others hear; the next writer finds the command again.
      this.#serve(id, fields).catch(() => undefined);
    }
  }

  async #serve(id: string, fields: readonly string[]): Promise<void> {
    const { keys } = this.#access.dataset;
    const command = commandOf(id, fields);
    if (!command || command.expiresAt < (await this.#access.now())) {
      await this.#access.writeBeside(['XDEL', keys.commands, id]);
      return;
    }
    const answer = await obeyed(this.#orders, command).then(
      (result): Answer => ({ result: tellable(result) }),
      (error: unknown): Answer => {
        const { code, message } = asPrefetchError(error);
        return { error: { code, message } };
      },
    );
    if (!this.#signal.aborted) await this.#access.writeBeside(...writeAnswer(keys, id, answer));
  }
}

async function obeyed<N extends CommandName>(orders: Orders, { name, args }: Command<N>): Promise<unknown> {
  return orders[name](args);
}

/** What was refused may be anything, also what JSON does not know. */
function tellable(result: unknown): unknown {
  const refusals = (result as { refusals?: unknown } | null | undefined)?.refusals;
  if (!Array.isArray(refusals)) return result;
  const told = (refusals as { subject: unknown; reason: string }[]).map(({ subject, reason }) => ({
    subject: inspect(subject, { depth: 3, breakLength: Infinity, maxStringLength: 200 }),
    reason,
  }));
  return { ...(result as object), refusals: told };
}
