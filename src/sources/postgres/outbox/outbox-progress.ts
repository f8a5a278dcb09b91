import { Horizon } from './horizon.js';
import type { Reading } from './outbox-reader.js';
import type { Position } from './position.js';
import { SeqSet } from './seq-set.js';
import type { Turns } from './turns.js';

type Place = Pick<Position, 'epoch' | 'batch' | 'applied'>;

/** One reading, and where it takes us. */
export interface Step extends Reading {
  /** After its rows. */
  readonly place: Place;
  /** Where a snapshot was met and nothing before it is left. */
  readonly beyond: Place | undefined;
  readonly isMore: boolean;
}

/** Goes through the outbox: row by row, and never with rows of both sides of a snapshot in one step. */
export class OutboxProgress {
  readonly #turns: Turns;
  readonly #read: (within: SeqSet) => Promise<Reading>;
  readonly #horizon = new Horizon();
  #place: Place;

  /** @param read gives rows in a set of numbers, the first ones if there are many */
  constructor(after: Place, turns: Turns, read: (within: SeqSet) => Promise<Reading>) {
    this.#place = after;
    this.#turns = turns;
    this.#read = read;
  }

  step(): Promise<Step> {
    return this.#turns.inTurn(() => this.#stepNow());
  }

  /** A place of its own without any rows. */
  beat(): Place {
    return (this.#place = { ...this.#place, batch: this.#place.batch + 1 });
  }

  get applied(): SeqSet {
    return this.#place.applied;
  }

  async #stepNow(): Promise<Step> {
    const { epoch, batch, applied } = this.#place;
    const barrier = this.#turns.barrierAfter(epoch);
    const reading = await this.#read(barrier ? barrier.held.without(applied) : applied.complement());
    const { rows, isFull } = reading;
    const seen = applied.with(rows.map(({ seq }) => seq));
    const settled = barrier ? undefined : this.#horizon.settled(reading, seen.top);
    const place = {
      epoch,
      batch: rows.length > 0 ? batch + 1 : batch,
      applied: settled === undefined ? seen : seen.union(SeqSet.upTo(settled)),
    };
    const beyond =
      barrier && !isFull ? { epoch: barrier.epoch, batch: 0, applied: seen.union(barrier.held) } : undefined;
    this.#place = beyond ?? place;
    return { ...reading, place, beyond, isMore: isFull || beyond !== undefined };
  }
}
