import { createHash } from 'node:crypto';
import { type RedisClient, send } from './client.js';
import type { Condition } from './condition.js';
import { toPrefetchError } from './failure.js';
import type { Chain, Step } from './fence.js';

/**
 * KEYS: a key of ours, the key of each condition, the key of each command. ARGV: whether values are written, what the
 * first key holds once this took effect ('' if it says nothing), how many conditions there are, what the key of each
 * must hold, then for each command how many words besides the key it has, and these words, its name first.
 *
 * A server that is out of memory refuses only the first write of a script, and only one that needs memory. So that
 * UNLINK does not remove what then cannot be replaced, something that needs memory, and changes nothing, comes before
 * it. Transactions that only remove and renew go through: they are what a full server needs.
 */
const script = `
if ARGV[2] ~= '' and redis.call('GET', KEYS[1]) == ARGV[2] then return 0 end
local conditions = tonumber(ARGV[3])
for i = 1, conditions do
  if redis.call('GET', KEYS[i + 1]) ~= ARGV[i + 3] then return -i end
end
if ARGV[1] == 'values' then redis.call('SETRANGE', KEYS[1], 0, '') end
local counted = { UNLINK = true, PEXPIREAT = true }
local touched = 0
local at = conditions + 4
for i = conditions + 2, #KEYS do
  local words = tonumber(ARGV[at])
  local reply = redis.call(ARGV[at + 1], KEYS[i], unpack(ARGV, at + 2, at + words))
  if counted[ARGV[at + 1]] then touched = touched + reply end
  at = at + words + 1
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2]) end
return touched`;

const scriptSha = createHash('sha1').update(script).digest('hex');

export interface TransactionTerms {
  readonly conditions?: readonly Condition[];
  /** Of the one who may write; then the transaction takes effect once, however often it is sent. */
  readonly fence?: Chain | undefined;
}

/**
 * Commands that take effect together: readers see all of them or none. A script does it in one round trip, at a
 * quarter of what MULTI costs the client, and stops at the first command that fails.
 */
export class Transaction {
  /** About how many bytes will be sent. */
  bytes = 0;
  readonly #ownKey: string;
  readonly #conditions: readonly Condition[];
  readonly #fence: Chain | undefined;
  readonly #keys: string[] = [];
  readonly #words: string[] = [];
  #step: Step | undefined;
  #hasValues = false;

  /** @param ownKey a key of this package that holds text or nothing */
  constructor(ownKey: string, { conditions = [], fence }: TransactionTerms = {}) {
    this.#ownKey = ownKey;
    this.#conditions = conditions;
    this.#fence = fence;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Adds a command that writes the value of a record. */
  addValue(name: string, key: string, ...args: readonly string[]): void {
    this.#hasValues = true;
    this.add(name, key, ...args);
  }

  add(name: string, key: string, ...args: readonly string[]): void {
    this.#keys.push(key);
    this.#words.push(String(args.length + 1), name, ...args);
    this.bytes += key.length;
    for (const arg of args) this.bytes += arg.length + 8;
  }

  /**
   * Returns how many keys UNLINK and PEXPIREAT say that they found; 0 when it took effect the time before.
   *
   * @throws PrefetchError what a condition that does not hold means, or what Redis said
   */
  async send(client: RedisClient): Promise<number> {
    if (this.isEmpty) return 0;
    const step = (this.#step ??= this.#fence?.step());
    const conditions = [...(step?.conditions ?? []), ...this.#conditions];
    let touched: number;
    try {
      touched = await this.#evaluate(client, conditions, step);
    } catch (error) {
      throw toPrefetchError(error);
    }
    const broken = conditions[-touched - 1];
    if (broken) throw broken.otherwise();
    if (this.#fence && step) this.#fence.passed(step);
    return touched;
  }

  async #evaluate(
    client: RedisClient,
    conditions: readonly Condition[],
    step: Step | undefined,
  ): Promise<number> {
    const keys = [step?.key ?? this.#ownKey, ...conditions.map(({ key }) => key), ...this.#keys];
    const rest = [
      String(keys.length),
      ...keys,
      this.#hasValues ? 'values' : 'no values',
      step?.to ?? '',
      String(conditions.length),
      ...conditions.map(({ holds }) => holds),
      ...this.#words,
    ];
    try {
      return (await send(client, ['EVALSHA', scriptSha, ...rest])) as number;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      // the first time on this server, or somebody flushed its scripts
      return (await send(client, ['EVAL', script, ...rest])) as number;
    }
  }
}
