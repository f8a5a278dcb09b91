import { type ChangeCounts, type PrefetchCache, SyncOperator } from '../index.js';
import type { Category } from './category.js';
import { within } from './routes/within.js';

/** What Redis said last of the dataset. While it says nothing, time goes on. */
export class VitalSigns {
  readonly #operator: SyncOperator<Category>;
  readonly #patienceMs: number;
  #looking: Promise<void> | undefined;
  #heardAt: number | undefined;
  #changes: ChangeCounts | null = null;

  /** @param patienceMs how long a look may take */
  constructor(cache: PrefetchCache<Category>, patienceMs = 500) {
    this.#operator = new SyncOperator({ cache });
    this.#patienceMs = patienceMs;
  }

  /** How long ago the worker that writes was heard of; null when it never was. */
  get stalenessMs(): number | null {
    return this.#heardAt === undefined ? null : Math.round(performance.now() - this.#heardAt);
  }

  /** How many changes there were, and what became of them; null when that is not known. */
  get changes(): ChangeCounts | null {
    return this.#changes;
  }

  /** Asks Redis, unless a question is on its way, and waits for the answer for a while. */
  async look(): Promise<void> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = undefined));
    await within(this.#patienceMs, this.#looking).catch(() => undefined);
  }

  async #ask(): Promise<void> {
    const { stalenessMs, changes } = await this.#operator.status();
    this.#heardAt = Number.isFinite(stalenessMs) ? performance.now() - stalenessMs : undefined;
    this.#changes = changes;
  }
}
