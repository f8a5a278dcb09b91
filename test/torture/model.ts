import type { Item } from '../support/item.js';

/** What a record was from one change of it to the next. */
export interface State {
  readonly version: number;
  readonly isPresent: boolean;
}

/** The truth: every state that every record ever had. Versions grow with every change, whichever record it is of. */
export class Model {
  readonly ids: readonly string[];
  changes = 0;
  #version = 0;
  readonly #histories: ReadonlyMap<string, State[]>;

  constructor(records: number) {
    this.ids = Array.from({ length: records }, (_, i) => `item-${String(i).padStart(5, '0')}`);
    this.#histories = new Map(this.ids.map((id) => [id, [{ version: 0, isPresent: false }]]));
  }

  upsert(id: string): Item {
    const { version } = this.#enter([id], true);
    return recordOf(id, version);
  }

  delete(id: string): void {
    this.#enter([id], false);
  }

  /** All records go at once, and these come anew. */
  truncate(remaining: readonly string[]): Item[] {
    const present = this.ids.filter((id) => this.latest(id).isPresent);
    this.#enter(present, false);
    return remaining.map((id) => this.upsert(id));
  }

  latest(id: string): State {
    return this.history(id).at(-1)!;
  }

  history(id: string): readonly State[] {
    return this.#histories.get(id) ?? [];
  }

  /** The first state without a record, from that version on. */
  firstAbsence(id: string, since: number): State | undefined {
    return this.history(id).find(({ version, isPresent }) => !isPresent && version >= since);
  }

  /** All records as they are now. */
  records(): Map<string, Item> {
    const present = this.ids.filter((id) => this.latest(id).isPresent);
    return new Map(present.map((id) => [id, recordOf(id, this.latest(id).version)]));
  }

  #enter(ids: readonly string[], isPresent: boolean): State {
    this.changes++;
    const state = { version: ++this.#version, isPresent };
    for (const id of ids) this.#histories.get(id)?.push(state);
    return state;
  }
}

/** Id and version decide on all of it, so that a record put together from two states shows. */
export function recordOf(id: string, version: number): Item {
  return { id, version: String(version), name: `${id} at ${version} ${'.'.repeat(version % 251)}` };
}
