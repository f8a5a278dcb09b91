import type { Item } from '../support/item.js';

/** A record of the torture. What has no edition is of the first. */
export interface TornItem extends Item {
  edition?: string;
}

/** Which versions the parts of a record are of. */
export interface Parts {
  readonly version: number;
  readonly name: number;
  /** Of the whole table: all records got another edition at once. */
  readonly edition: number;
}

/** Whether something came to be, of which nobody knows for a while. */
export interface Fate {
  readonly isKnown: boolean;
  readonly known: Promise<boolean>;
}

/** What a record was from one change of it to the next. */
export interface State {
  readonly version: number;
  readonly isPresent: boolean;
  /** When not all of it is of this version. */
  readonly parts?: Parts | undefined;
  /** When it is not certain. */
  readonly fate?: Fate | undefined;
}

/** A state that a transaction makes. */
export interface Step extends Omit<State, 'fate'> {
  readonly id: string;
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

  /** Who gives a record its next state takes it while nobody else can change that record. */
  nextVersion(): number {
    return ++this.#version;
  }

  upsert(id: string): TornItem {
    const { version } = this.#enter([id], true);
    return recordOf(id, version);
  }

  delete(id: string): void {
    this.#enter([id], false);
  }

  /** All records go at once, and these come anew. */
  truncate(remaining: readonly string[]): TornItem[] {
    const present = this.ids.filter((id) => this.latest(id).isPresent);
    this.#enter(present, false);
    return remaining.map((id) => this.upsert(id));
  }

  /**
   * What is about to be committed: from now on it may be seen, and nobody knows yet whether it comes to be. To be told
   * whether it has; what has not is forgotten.
   */
  propose(steps: readonly Step[]): (hasComeToBe: boolean) => void {
    let isKnown = false;
    let tell: (hasComeToBe: boolean) => void = () => undefined;
    const known = new Promise<boolean>((resolve) => (tell = resolve));
    const fate: Fate = {
      known,
      get isKnown() {
        return isKnown;
      },
    };
    for (const { id, ...step } of steps) this.#histories.get(id)?.push({ ...step, fate });
    return (hasComeToBe) => {
      if (hasComeToBe) this.changes += new Set(steps.map(({ version }) => version)).size;
      else for (const { id } of steps) this.#forget(id, fate);
      isKnown = true;
      tell(hasComeToBe);
    };
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
  records(): Map<string, TornItem> {
    const present = this.ids.filter((id) => this.latest(id).isPresent);
    return new Map(present.map((id) => [id, recordIn(id, this.latest(id))]));
  }

  #enter(ids: readonly string[], isPresent: boolean): State {
    this.changes++;
    const state = { version: this.nextVersion(), isPresent };
    for (const id of ids) this.#histories.get(id)?.push(state);
    return state;
  }

  #forget(id: string, fate: Fate): void {
    const history = this.#histories.get(id);
    const at = history?.findIndex((state) => state.fate === fate) ?? -1;
    if (history && at >= 0) history.splice(at, 1);
    if (history?.some((state) => state.fate === fate)) this.#forget(id, fate);
  }
}

/** Id and parts decide on all of it, so that a record put together from two states shows. */
export function recordIn(id: string, { version, parts }: State): TornItem {
  const { version: shown, name, edition } = parts ?? { version, name: version, edition: 0 };
  return {
    id,
    version: String(shown),
    name: nameAt(name),
    ...(edition > 0 && { edition: String(edition) }),
  };
}

export function recordOf(id: string, version: number): TornItem {
  return recordIn(id, { version, isPresent: true });
}

/** Where the record stands in the order of states. */
export function orderOf({ version, edition = '0' }: Partial<TornItem>): number {
  return Math.max(Number(version), Number(edition));
}

export function isSame(a: Partial<TornItem>, b: TornItem): boolean {
  return (
    a.id === b.id && a.version === b.version && a.name === b.name && (a.edition ?? '0') === (b.edition ?? '0')
  );
}

const longNameEvery = 5;
/** Postgres stores it apart from its row. */
const longName = 2_500;

/** No two are the same. */
export function nameAt(version: number): string {
  const length = (version % 251) + (version % longNameEvery === 0 ? longName : 0);
  return `at ${version} ${'.'.repeat(length)}`;
}

/** The version that a name is of. */
export function versionOfName(name: string): number {
  return Number(/^at (\d+) /.exec(name)?.[1]);
}
