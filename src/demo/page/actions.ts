import { api, explain } from './api.js';
import type { Answer } from './api.js';
import type { RowAction } from './dataset-row.js';
import { milliseconds, plural } from './format.js';
import type { ResultBar } from './result-bar.js';
import type { LetterAction } from './letters-view.js';
import type { Category, DeadLetter, Entry, Explanation, ReconcileReport } from './wire.js';

interface Surroundings {
  resultBar: ResultBar;
  showReading(id: string, answer: Answer<Entry>): void;
  /** Undefined when nothing can be said of it now. */
  showHistory(explanation: Explanation | undefined): void;
  showReport(report: ReconcileReport): void;
  startEdit(id: string): void;
  /** Something was changed: what is shown should be fetched again. */
  changed(): void;
}

/** What the buttons and forms do. */
export class Actions {
  readonly #page: Surroundings;
  #latestRead = 0;

  constructor(page: Surroundings) {
    this.#page = page;
  }

  onRow(action: RowAction, id: string): void {
    switch (action) {
      case 'read':
        void this.read(id);
        break;
      case 'edit':
        this.#page.startEdit(id);
        break;
      case 'invalidate':
        void this.#invalidate(id);
        break;
      case 'delete':
        void this.#do(api.remove(id), () => `Deleted ${id} from the primary.`);
        break;
    }
  }

  async read(id: string): Promise<void> {
    const reading = ++this.#latestRead;
    const answer = await api.entry(id);
    if (reading !== this.#latestRead) return;
    this.#page.showReading(id, answer);
    const isTold = answer.kind === 'ok' || (answer.kind === 'problem' && answer.problem.outcome === 'miss');
    const history = isTold ? await api.history(id) : undefined;
    if (reading !== this.#latestRead) return;
    this.#page.showHistory(history?.kind === 'ok' ? history.value : undefined);
  }

  update(id: string, fields: Partial<Category>): Promise<boolean> {
    const [field] = Object.keys(fields);
    return this.#do(api.update(id, fields), () => `Updated ${field ?? ''} of ${id} in the primary.`);
  }

  add(record: Category): Promise<boolean> {
    return this.#do(api.add(record), () => `Added ${record.id} to the primary.`);
  }

  clear(): Promise<boolean> {
    return this.#do(api.clear(), ({ removed }) => `Cleared the cache: ${plural(removed, 'record')} removed.`);
  }

  reprefetch(): Promise<boolean> {
    return this.#do(
      api.reprefetch(),
      ({ loaded, elapsedMs }) => `Prefetched ${plural(loaded, 'record')} in ${milliseconds(elapsedMs)}.`,
    );
  }

  reconcile(): Promise<boolean> {
    return this.#do(api.reconcile(), (report) => {
      this.#page.showReport(report);
      const { compared, missing, different, orphaned, repaired } = report;
      const differing = missing + different + orphaned;
      return `Compared ${plural(compared, 'record')}: ${plural(differing, 'difference')}, ${repaired} repaired.`;
    });
  }

  onLetter(action: LetterAction, { id, recordId }: DeadLetter): Promise<boolean> {
    const change = `the change of ${recordId ?? 'no record'}`;
    return action === 'replay'
      ? this.#do(api.replay(id), () => `Applied ${change}.`)
      : this.#do(api.discard(id), () => `Discarded ${change}.`);
  }

  bringAbout(fault: string): Promise<boolean> {
    return this.#do(api.bringAbout(fault), ({ text }) => text);
  }

  resetStats(): Promise<boolean> {
    return this.#do(api.resetStats(), () => 'Counters reset.');
  }

  #invalidate(id: string): Promise<boolean> {
    return this.#do(api.invalidate(id), ({ invalidated }) =>
      invalidated
        ? `Invalidated ${id}: a miss until the primary changes it or the dataset is prefetched again.`
        : `${id} was not in the cache.`,
    );
  }

  async #do<T>(asked: Promise<Answer<T>>, describe: (value: T) => string): Promise<boolean> {
    const answer = await asked;
    if (answer.kind === 'ok') this.#page.resultBar.done(describe(answer.value));
    else this.#page.resultBar.failed(explain(answer));
    this.#page.changed();
    return answer.kind === 'ok';
  }
}
