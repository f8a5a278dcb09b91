import { setTimeout as pause } from 'node:timers/promises';
import type { Diary } from './diary.js';
import type { Fault, Lane, Victims } from './fault.js';
import type { Random } from './random.js';

interface NemesisContext {
  readonly victims: Victims;
  readonly diary: Diary;
  readonly random: Random;
  /** By their names. */
  readonly lanes: Readonly<Record<string, Lane>>;
}

/** The faults of one lane in random order, all of them before any comes again. */
class Deck {
  readonly name: string;
  readonly lane: Lane;
  readonly random: Random;
  #left: [string, Fault][];
  #isThrough = false;

  constructor(name: string, lane: Lane, random: Random) {
    this.name = name;
    this.lane = lane;
    this.random = random;
    this.#left = random.shuffled(Object.entries(lane.faults));
  }

  /** Each fault has come at least once. */
  get isThrough(): boolean {
    return this.#isThrough || this.#left.length === 0;
  }

  draw(): [string, Fault] {
    if (this.#left.length === 0) {
      this.#isThrough = true;
      this.#left = this.random.shuffled(Object.entries(this.lane.faults));
    }
    return this.#left.pop()!;
  }
}

/** Does faults in bouts, so that between them it shows what they have left behind. */
export class Nemesis {
  readonly #context: NemesisContext;
  readonly #decks: readonly Deck[];

  constructor(context: NemesisContext) {
    const { lanes, random } = context;
    this.#context = context;
    this.#decks = Object.entries(lanes).map(([name, lane]) => new Deck(name, lane, random.fork()));
  }

  /** Each fault has come at least once. */
  get isThrough(): boolean {
    return this.#decks.every((deck) => deck.isThrough);
  }

  /** Faults of these lanes, those of each one after the other, until the time is over and all is repaired. */
  async bout(lanes: readonly string[], seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    const decks = this.#decks.filter(({ name }) => lanes.includes(name));
    await Promise.all(decks.map((deck) => this.#harm(deck, () => performance.now() < until)));
  }

  /** The faults that have not come yet. */
  async lastBout(): Promise<void> {
    await Promise.all(this.#decks.map((deck) => this.#harm(deck, () => !deck.isThrough)));
  }

  async #harm(deck: Deck, isGoingOn: () => boolean): Promise<void> {
    const { victims, diary } = this.#context;
    const { random, lane } = deck;
    for (;;) {
      await pause(random.integer(0, lane.longestPauseMs));
      if (!isGoingOn()) return;
      const [name, fault] = deck.draw();
      const note = (details: string) => {
        diary.note(`${deck.name}: ${name} ${details}`);
      };
      await fault({ ...victims, random, note });
    }
  }
}
