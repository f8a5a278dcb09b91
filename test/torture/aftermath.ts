import { setTimeout as pause } from 'node:timers/promises';
import type { CacheView } from './cache-view.js';
import type { Application } from './application.js';
import type { Diary } from './diary.js';
import type { Crew, Fleet } from './fleet.js';
import { type Model, isSame } from './model.js';
import type { Verdict } from './verdict.js';

interface AftermathContext {
  readonly model: Model;
  readonly cache: CacheView;
  readonly changes: Application;
  readonly fleet: Fleet;
  readonly verdict: Verdict;
  readonly diary: Diary;
}

const patienceMs = 10_000;
const poisonAtTheEnd = 3;

/** What must be true when faults are over. */
export class Aftermath {
  readonly #context: AftermathContext;

  constructor(context: AftermathContext) {
    this.#context = context;
  }

  /** Says whether the cache becomes what the primary is, while nobody changes that. */
  async isHealed(): Promise<boolean> {
    await this.#arrives('after the faults');
    if (await this.#until(() => this.#isEqual())) return true;
    this.#accuse(await this.#differences());
    return false;
  }

  /** Says whether every worker can do all the work. */
  async isComplete(): Promise<boolean> {
    await this.#checkPoison();
    for (const crew of this.#context.fleet.crews) await this.#checkAlone(crew);
    return this.isHealed();
  }

  /** Stops all others, so that this worker must take over. */
  async #checkAlone(crew: Crew): Promise<void> {
    const { fleet, diary } = this.#context;
    const others = fleet.crews.filter((other) => other !== crew);
    crew.start();
    await this.#until(() => Promise.resolve(['standby', 'following'].includes(crew.worker.state)));
    await Promise.all(others.map((other) => other.stop()));
    await this.#arrives(`at ${crew.name} alone`);
    diary.say(`${crew.name} works alone.`);
  }

  /** A change of now gets into the cache. */
  async #arrives(when: string): Promise<void> {
    const { changes, model, cache, verdict } = this.#context;
    const [id] = model.ids as [string];
    await changes.touch(id);
    const wanted = model.records().get(id)?.version;
    const isThere = await this.#until(async () => (await cache.record(id))?.version === wanted);
    if (!isThere) verdict.accuse('hung', `no change comes into the cache ${when}: ${this.#states()}`);
  }

  async #checkPoison(): Promise<void> {
    const { cache, changes, verdict } = this.#context;
    const before = await cache.deadLetters();
    for (let i = 0; i < poisonAtTheEnd; i++) await changes.poison();
    const isKept = await this.#until(async () => (await cache.deadLetters()) === before + poisonAtTheEnd);
    if (!isKept) {
      const kept = (await cache.deadLetters()) - before;
      verdict.accuse('lost', `of ${poisonAtTheEnd} changes that cannot be applied, ${kept} are dead letters`);
    }
  }

  async #isEqual(): Promise<boolean> {
    const { lost, resurrected } = await this.#differences();
    return lost.length + resurrected.length === 0;
  }

  async #differences(): Promise<{ lost: string[]; resurrected: string[] }> {
    const { model, cache } = this.#context;
    const [wanted, found] = [model.records(), await cache.records()];
    const lost: string[] = [];
    for (const [id, record] of wanted) {
      const { version = 'none', edition = '0', name = '' } = found.get(id) ?? {};
      if (isSame({ ...found.get(id) }, record)) continue;
      const foundThere = `version ${version} and edition ${edition}, ${name.slice(0, 40)}`;
      lost.push(`${id} is at ${foundThere}, instead of ${record.version} and ${record.edition ?? '0'}`);
    }
    const orphans = [...found].filter(([id]) => !wanted.has(id));
    return {
      lost,
      resurrected: orphans.map(
        ([id, { version = '' }]) => `${id} is there, at version ${version}, and should not`,
      ),
    };
  }

  #accuse({ lost, resurrected }: { lost: string[]; resurrected: string[] }): void {
    const { verdict } = this.#context;
    for (const what of lost) verdict.accuse('lost', `in the end ${what}`);
    for (const what of resurrected) verdict.accuse('resurrected', `in the end ${what}`);
  }

  #states(): string {
    const { crews } = this.#context.fleet;
    return crews
      .map(({ name, worker }) => `${name} ${worker.state} ${JSON.stringify(worker.messages.slice(-3))}`)
      .join('; ');
  }

  async #until(condition: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (await condition()) return true;
      await pause(50);
    }
    return false;
  }
}
