import { type Model, type State, type TornItem, isSame, orderOf, recordIn } from './model.js';
import type { Crime, Verdict } from './verdict.js';

/** A lookup that was begun. */
export interface Question {
  readonly id: string;
  /** No state older than this may be the answer. */
  readonly floor: State;
  readonly era: number;
}

/**
 * Holds every answer against the model. All readers read one Redis, so what one of them has been told binds the answers
 * to all lookups that anybody begins later.
 */
export class Judge {
  readonly #model: Model;
  readonly #verdict: Verdict;
  /** What everybody may know from the beginning. */
  #base: ReadonlyMap<string, State> = new Map();
  readonly #floors = new Map<string, State>();
  #eras = 0;
  #era = 0;

  constructor(model: Model, verdict: Verdict) {
    this.#model = model;
    this.#verdict = verdict;
  }

  /** Whatever is loaded later is not older than what is in the primary now. */
  begin(): void {
    this.#base = new Map(this.#model.ids.map((id) => [id, this.#model.latest(id)]));
  }

  /** Redis itself is set back. What was seen before says nothing then; lookups meanwhile are not judged. */
  async setBack(work: () => Promise<void>): Promise<void> {
    this.#era = NaN; // which is no era, not even the same as itself
    await work();
    this.#floors.clear();
    this.#era = ++this.#eras;
  }

  question(id: string): Question {
    const floor = this.#floors.get(id) ?? this.#base.get(id) ?? { version: 0, isPresent: false };
    return { id, floor, era: this.#era };
  }

  hit(question: Question, record: TornItem): void {
    if (question.era !== this.#era) return;
    const { id, floor } = question;
    const version = orderOf(record);
    const state = this.#model.history(id).find((each) => each.version === version && each.isPresent);
    if (state === undefined || !isSame(record, recordIn(id, state))) {
      this.#accuse('lost', question, `has ${told(record)}, which was never in the primary`);
    } else if (version >= floor.version) {
      this.#saw(question, state, 'lost');
    } else {
      const crime = floor.isPresent ? 'backwards' : 'resurrected';
      this.#accuse(crime, question, `has version ${version}, after ${floor.version} had been seen`);
    }
  }

  miss(question: Question): void {
    if (question.era !== this.#era) return;
    const absence = this.#model.firstAbsence(question.id, question.floor.version);
    if (absence) this.#saw(question, absence, 'false-404');
    else
      this.#accuse('false-404', question, `is said not to exist, after ${question.floor.version} was seen`);
  }

  /** @param otherwise what it was if the state turns out never to have come to be */
  #saw(question: Question, state: State, otherwise: Crime): void {
    const { id } = question;
    const before = this.#floors.get(id);
    if (before === undefined || before.version < state.version) this.#floors.set(id, state);
    if (!state.fate || state.fate.isKnown) return;
    void state.fate.known.then((hasComeToBe) => {
      if (hasComeToBe) return;
      const seen = state.isPresent ? 'at' : 'absent at';
      this.#accuse(otherwise, question, `was seen ${seen} ${state.version}, which was never committed`);
    });
  }

  #accuse(crime: Crime, { id }: Question, what: string): void {
    const history = this.#model.history(id).slice(-8);
    const told = history.map(({ version, isPresent }) => (isPresent ? version : `${version} absent`));
    this.#verdict.accuse(crime, `${id} ${what}; the primary: ${told.join(', ')}`);
  }
}

function told({ id, version, name, edition }: TornItem): string {
  return JSON.stringify({ id, version, name: `${name.slice(0, 40)}… (${name.length})`, edition });
}
