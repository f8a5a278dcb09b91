import { compareEntryIds } from '../../redis/streams/entry-id.js';
import type { ReadEvent } from './event-reader.js';

export const loadReasons: Readonly<Record<NonNullable<ReadEvent<object>['loadNeeded']>, string>> = {
  'snapshot-begun': 'Debezium begins a snapshot, and does not tell what was deleted while it was away.',
  'truncate-overtaken': 'The table was truncated, but changes that came after it were delivered before.',
};

/** Where in a stream only a load helps, for all sessions of a source: the next one must not go on from before. */
export class LoadsNeeded {
  #at: string | undefined;
  #why = '';

  /** Returns the reason in words. */
  note(position: string, need: NonNullable<ReadEvent<object>['loadNeeded']>): string {
    this.#why = `${loadReasons[need]} That is the entry ${position}.`;
    if (this.#at === undefined || compareEntryIds(position, this.#at) > 0) this.#at = position;
    return this.#why;
  }

  /** Why nobody can go on from there; undefined when that is possible. */
  after(position: string): string | undefined {
    return this.#at !== undefined && compareEntryIds(position, this.#at) < 0 ? this.#why : undefined;
  }
}
