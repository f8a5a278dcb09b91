import { PrefetchError, type PrefetchErrorCode } from '../errors.js';
import type { RedisCommand } from '../redis/client.js';
import type { Keys } from '../redis/keys.js';
import { paired } from '../redis/paired.js';

/** What can be asked of the worker that writes, from any process. */
export interface CommandArguments {
  reload: { readonly force?: boolean | undefined };
  reconcile: { readonly repair?: boolean | undefined; readonly force?: boolean | undefined };
  replay: { readonly letter: string; readonly change?: unknown };
  discard: { readonly letters: readonly string[] };
}

export type CommandName = keyof CommandArguments;

export interface Command<N extends CommandName = CommandName> {
  readonly id: string;
  readonly name: N;
  readonly args: CommandArguments[N];
  /** By the server's clock. Nobody waits for an answer after that, so it is not begun any more. */
  readonly expiresAt: number;
}

export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: PrefetchErrorCode; readonly message: string } };

const answerLifetimeMs = '60000';
/** More are not taken: the writer hears all of them with each beat. */
export const mostCommands = 100;

export function writeCommand(
  keys: Keys,
  name: CommandName,
  args: CommandArguments[CommandName],
  expiresAt: number,
): RedisCommand {
  const fields = ['name', name, 'args', JSON.stringify(args), 'expiresAt', String(expiresAt)];
  return ['XADD', keys.commands, '*', ...fields];
}

/** Undefined for what makes no sense. */
export function commandOf(id: string, fields: readonly string[]): Command | undefined {
  const values: Record<string, string | undefined> = paired(fields);
  const { name, args, expiresAt } = values;
  if (!isCommandName(name)) return undefined;
  try {
    return {
      id,
      name,
      args: JSON.parse(args ?? '') as CommandArguments[CommandName],
      expiresAt: Number(expiresAt),
    };
  } catch {
    return undefined;
  }
}

/** The answer, and the command is done. */
export function writeAnswer(keys: Keys, id: string, answer: Answer): readonly RedisCommand[] {
  return [
    ['SET', keys.answer(id), JSON.stringify(answer), 'PX', answerLifetimeMs],
    ['XDEL', keys.commands, id],
  ];
}

/** What an answer says; what it reports as an error is thrown. */
export function resultIn(text: string): unknown {
  const answer = JSON.parse(text) as Answer;
  if ('error' in answer) throw new PrefetchError(answer.error.code, answer.error.message);
  return answer.result;
}

function isCommandName(name: string | undefined): name is CommandName {
  return name === 'reload' || name === 'reconcile' || name === 'replay' || name === 'discard';
}
