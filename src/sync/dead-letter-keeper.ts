import type { Entity } from 'redis-om';
import type { Change, Refusal } from '../cache/change.js';
import {
  addToCount,
  readDeadLetter,
  readDeadLetters,
  recordIdOf,
  writeDeadLetter,
} from '../cache/dead-letters.js';
import type { SyncRepository } from '../cache/sync-repository.js';
import { PrefetchError } from '../errors.js';
import { publish } from '../events.js';
import type { RedisCommand } from '../redis/client.js';
import type { ChangeBatch } from './source.js';

interface WaitingLetter {
  readonly recordId: string | null;
  readonly position: string;
  isSuperseded: boolean;
}

/** What a batch does to the letters, once it is written. */
interface Outcome {
  readonly written: Map<string, { letter: WaitingLetter; reason: string }>;
  readonly superseded: Set<string>;
}

/** An alarm is told from here on. */
const fillingAt = 0.8;

/** Knows the dead letters of a dataset, as the only one who writes them. */
export class DeadLetterKeeper<T extends Entity> {
  readonly #repository: SyncRepository<T>;
  readonly #limit: number;
  /** By the id of the letter; in this order they came. */
  #waiting = new Map<string, WaitingLetter>();
  #lastId = [0, 0];
  #isFilling = false;
  #pending: Outcome | undefined;

  constructor(repository: SyncRepository<T>, limit: number) {
    this.#repository = repository;
    this.#limit = limit;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Finds what earlier workers left. */
  async load(): Promise<void> {
    const { client, dataset, writer } = this.#repository.access;
    const waiting = new Map<string, WaitingLetter>();
    await writer.patiently(async () => {
      let after: string | undefined;
      for (;;) {
        const page = await readDeadLetters(client, dataset.keys, { after, limit: 1_000 });
        for (const { id, recordId, position, isSuperseded } of page) {
          waiting.set(id, { recordId, position, isSuperseded });
        }
        after = page.at(-1)?.id;
        if (after === undefined || page.length < 1_000) return;
      }
    });
    this.#waiting = waiting;
    this.#lastId = await this.#lastGeneratedId();
  }

  /** However many a batch brings, they are kept when no others wait: nobody could make more room. */
  hasRoomFor(letters: number): boolean {
    return this.#waiting.size + letters <= this.#limit || this.#waiting.size === 0;
  }

  /** @throws PrefetchError `ERR_PREFETCH_DEAD_LETTERS_FULL`, which passes when letters are replayed or discarded */
  checkRoomFor(letters: number): void {
    if (letters === 0 || this.hasRoomFor(letters)) return;
    throw new PrefetchError(
      'ERR_PREFETCH_DEAD_LETTERS_FULL',
      `${this.#waiting.size} dead letters of ${this.#repository.dataset.name} wait, of ${this.#limit} that are kept, and ${letters} more came. Replay or discard some; nothing is applied until then.`,
    );
  }

  /** What belongs into the transaction of a batch: its dead letters, what they are superseded by, and the counts. */
  concluding(
    batch: ChangeBatch<T>,
    admitted: readonly Change<T>[],
    refusals: readonly Refusal<unknown>[],
  ): readonly RedisCommand[] {
    const { keys } = this.#repository.dataset;
    this.#pending = this.#outcomeOf(batch, admitted, refusals);
    return [
      ...this.#letterCommands(refusals, batch.position),
      ...this.#supersede(this.#pending.superseded),
      ...addToCount(keys, 'received', batch.changes.length),
      ...addToCount(keys, 'applied', admitted.length - refusals.length),
      ...addToCount(keys, 'covered', batch.changes.length - admitted.length),
      ...addToCount(keys, 'dead', refusals.length),
    ];
  }

  /** A load has brought everything up to the position: letters up to there are history. */
  concludingLoad(position: string, compare: (a: string, b: string) => number): readonly RedisCommand[] {
    const isCovered = (letter: WaitingLetter) => {
      try {
        return compare(letter.position, position) <= 0;
      } catch {
        return true; // of another source
      }
    };
    const superseded = new Set<string>();
    for (const [id, letter] of this.#waiting) {
      if (!letter.isSuperseded && isCovered(letter)) superseded.add(id);
    }
    this.#pending = { written: new Map(), superseded };
    return this.#supersede(superseded);
  }

  /** What was concluding is written. */
  concluded(): void {
    if (!this.#pending) return;
    const { written, superseded } = this.#pending;
    this.#pending = undefined;
    const dataset = this.#repository.dataset.name;
    for (const [id, { letter, reason }] of written) {
      this.#waiting.set(id, letter);
      const { recordId, position } = letter;
      publish({ type: 'dead-letter', dataset, reason, position, ...(recordId !== null && { id: recordId }) });
    }
    for (const id of superseded) {
      const letter = this.#waiting.get(id);
      if (letter) letter.isSuperseded = true;
    }
    this.#tellWhetherFilling();
  }

  /** Forgets letters for good, and says how many there were. */
  async discard(ids: readonly string[]): Promise<number> {
    const known = ids.filter((id) => this.#waiting.has(id));
    if (known.length === 0) return 0;
    const transaction = await this.#repository.begin('replay');
    transaction.also(...this.#removing(known), ...addToCount(this.#keys, 'discarded', known.length));
    await transaction.commit();
    this.#forget(known);
    return known.length;
  }

  /**
   * Applies the change of a letter, or the one that it should have been.
   *
   * @throws PrefetchError `ERR_PREFETCH_REFUSED` when it cannot be applied still, or must not be any more
   */
  async replay(id: string, corrected: Change<T> | undefined): Promise<void> {
    const { access } = this.#repository;
    const letter = await access.writer.patiently(() => readDeadLetter(access.client, this.#keys, id));
    if (!letter) throw refused(`There is no dead letter ${id}.`);
    if (letter.isSuperseded) {
      throw refused(
        `What is applied to ${letter.recordId ?? 'the record'} is newer. Discard the letter; reconcile({ repair: true }) if you doubt that the record is whole.`,
      );
    }
    const change = corrected ?? (letter.change as Change<T> | null);
    if (change?.op !== 'upsert' && change?.op !== 'delete') {
      throw refused('This is no upsert or delete that could be applied: give the change that it should be.');
    }
    if (letter.recordId !== null && change.id !== letter.recordId) {
      throw refused(`The letter concerns the record ${letter.recordId}, not ${change.id}.`);
    }
    const prepared = await this.#repository.prepare([change], 'replay');
    const [refusal] = prepared.refusals;
    if (refusal) throw refused(`The change still cannot be applied: ${refusal.reason}.`);
    const older = new Set(
      [...this.#lettersOf(change.id)].filter((other) => other !== id && isBefore(other, id)),
    );
    await this.#repository.commit(prepared, {
      cause: 'replay',
      position: letter.position,
      also: () => [
        ...this.#removing([id]),
        ...this.#supersede(older),
        ...addToCount(this.#keys, 'replayed', 1),
      ],
    });
    this.#pending = { written: new Map(), superseded: older };
    this.concluded();
    this.#forget([id]);
  }

  get #keys() {
    return this.#repository.dataset.keys;
  }

  #outcomeOf(
    batch: ChangeBatch<T>,
    admitted: readonly Change<T>[],
    refusals: readonly Refusal<unknown>[],
  ): Outcome {
    const outcome: Outcome = { written: new Map(), superseded: new Set() };
    if (refusals.length === 0 && this.#waiting.size === 0) return outcome;
    const reasons = new Map(refusals.map(({ subject, reason }) => [subject, reason]));
    for (const change of admitted) {
      const reason = reasons.get(change);
      const recordId = recordIdOf(change);
      if (reason !== undefined) {
        const letter = { recordId, position: batch.position, isSuperseded: false };
        outcome.written.set(this.#nextId(), { letter, reason });
        continue;
      }
      for (const [id, letter] of this.#waiting) {
        if (letter.isSuperseded) continue;
        if (change.op === 'truncate' || letter.recordId === recordId) outcome.superseded.add(id);
      }
      for (const [id, { letter }] of outcome.written) {
        if (change.op === 'truncate' || letter.recordId === recordId) outcome.superseded.add(id);
      }
    }
    return outcome;
  }

  #letterCommands(refusals: readonly Refusal<unknown>[], position: string): readonly RedisCommand[] {
    const ids = [...(this.#pending?.written.keys() ?? [])];
    return refusals.map((refusal, i) => writeDeadLetter(this.#keys, ids[i] ?? '*', refusal, position));
  }

  #supersede(ids: ReadonlySet<string>): readonly RedisCommand[] {
    return inParts([...ids]).map((part) => ['SADD', this.#keys.supersededLetters, ...part]);
  }

  #removing(ids: readonly string[]): readonly RedisCommand[] {
    return inParts(ids).flatMap((part): RedisCommand[] => [
      ['XDEL', this.#keys.deadLetters, ...part],
      ['SREM', this.#keys.supersededLetters, ...part],
    ]);
  }

  #forget(ids: readonly string[]): void {
    for (const id of ids) this.#waiting.delete(id);
    this.#tellWhetherFilling();
  }

  *#lettersOf(recordId: string): Generator<string> {
    for (const [id, letter] of this.#waiting) if (letter.recordId === recordId) yield id;
  }

  #tellWhetherFilling(): void {
    const isFilling = this.#waiting.size >= fillingAt * this.#limit;
    if (isFilling && !this.#isFilling) {
      const { name } = this.#repository.dataset;
      publish({ type: 'dead-letters-filling', dataset: name, waiting: this.waiting, limit: this.#limit });
    }
    this.#isFilling = isFilling;
  }

  /** The ids are ours, so that a letter is known by its id before it is written. */
  #nextId(): string {
    const [ms = 0, count = 0] = this.#lastId;
    const now = Date.now();
    this.#lastId = now > ms ? [now, 0] : [ms, count + 1];
    return this.#lastId.join('-');
  }

  async #lastGeneratedId(): Promise<number[]> {
    const exists = await this.#repository.access.ask(['EXISTS', this.#keys.deadLetters]);
    if (exists !== 1) return [0, 0];
    const reply = await this.#repository.access.ask(['XINFO', 'STREAM', this.#keys.deadLetters]);
    const info = Array.isArray(reply) ? reply : Object.entries(reply as object).flat();
    return String(info[info.indexOf('last-generated-id') + 1])
      .split('-')
      .map(Number);
  }
}

/** A script can hand on only so many words at once. */
function inParts(ids: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (let i = 0; i < ids.length; i += 1_000) parts.push(ids.slice(i, i + 1_000));
  return parts;
}

function isBefore(a: string, b: string): boolean {
  const [[aMs = 0, aCount = 0], [bMs = 0, bCount = 0]] = [a, b].map((id) => id.split('-').map(Number)) as [
    number[],
    number[],
  ];
  return aMs < bMs || (aMs === bMs && aCount < bCount);
}

function refused(message: string): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_REFUSED', message);
}
