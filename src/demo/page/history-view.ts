import { byId, create } from './dom.js';
import { clock, duration } from './format.js';
import type { Explanation, RecordChange } from './wire.js';

const causes: Record<string, string> = {
  prefetch: 'by the prefetch',
  reload: 'by a reload',
  change: 'as the primary changed it',
  repair: 'as a repair',
  replay: 'as a replayed dead letter',
  'bulk-load': 'by a bulk load',
  apply: 'by the application',
  invalidate: 'by Invalidate',
  clear: 'by Clear',
};

/** What happened to the record that was read, and who did it. */
export class HistoryView {
  readonly #section = byId('history', HTMLElement);
  readonly #summary = byId('history-summary', HTMLParagraphElement);
  readonly #list = byId('history-changes', HTMLOListElement);

  show({ id, isPresent, ttlSeconds, changes, deadLetters }: Explanation): void {
    const expiry = ttlSeconds === null ? '' : `, expires in ${duration(ttlSeconds)} unless it is kept alive`;
    const letters =
      deadLetters.length > 0 ? ` ${deadLetters.length} of its changes wait as dead letters.` : '';
    const presence = isPresent ? `in Redis${expiry}` : 'not in Redis';
    this.#summary.replaceChildren(create('span', 'code', id), ` is ${presence}.${letters}`);
    this.#list.replaceChildren(...changes.map(itemFor));
    this.#section.hidden = false;
  }

  hide(): void {
    this.#section.hidden = true;
  }
}

function itemFor({ at, operation, cause, by }: RecordChange): HTMLElement {
  const time = create('time', '', clock(new Date(at)));
  time.dateTime = at;
  const what = `${operation === 'delete' ? 'removed' : 'written'} ${causes[cause] ?? cause}`;
  return create('li', '', time, create('span', '', what), create('span', 'code', by));
}
