import type { Diary } from './diary.js';

export const crimes = ['lost', 'backwards', 'resurrected', 'false-404', 'without-ttl', 'hung'] as const;

export type Crime = (typeof crimes)[number];

const toldOfEach = 10;

/** How often each thing happened that must not, with the first of each told. */
export class Verdict {
  readonly #diary: Diary;
  readonly #counts = new Map<Crime, number>(crimes.map((crime) => [crime, 0]));

  constructor(diary: Diary) {
    this.#diary = diary;
  }

  get isClean(): boolean {
    return [...this.#counts.values()].every((count) => count === 0);
  }

  accuse(crime: Crime, details: string): void {
    const count = (this.#counts.get(crime) ?? 0) + 1;
    this.#counts.set(crime, count);
    if (count > toldOfEach) return;
    this.#diary.say(`${crime.toUpperCase()}: ${details}`);
    if (count === 1) for (const line of this.#diary.latest) process.stderr.write(`    before: ${line}\n`);
  }

  line(changes: number): string {
    const counts = [...this.#counts].map(([crime, count]) => `, ${crime} ${count}`);
    return `changes ${changes}${counts.join('')}`;
  }
}
