import { create } from './dom.js';
import { clock } from './format.js';
import type { LogEntry } from './log-entry.js';

const MOST_ENTRIES = 200;

/** The newest entries first; entries that arrive in a burst are drawn once a frame. */
export class ActivityLog {
  readonly #list: HTMLElement;
  #waiting: HTMLElement[] = [];
  #latest: { kind: string; text: HTMLElement } | undefined;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  add(entry: LogEntry): void {
    const at = new Date();
    const time = create('time', '', clock(at));
    time.dateTime = at.toISOString();
    const text = create('span', 'log-text', entry.text);
    const item = create('li', '', time, create('span', 'log-kind', entry.kind), text);
    if (entry.tone) item.dataset['tone'] = entry.tone;
    this.#latest = { kind: entry.kind, text };
    if (this.#waiting.length === 0) {
      requestAnimationFrame(() => {
        this.#draw();
      });
    }
    this.#waiting.push(item);
    if (this.#waiting.length > MOST_ENTRIES) this.#waiting.shift();
  }

  /** Like `add`, but rewrites the newest entry when it is of the same kind. */
  update(entry: LogEntry): void {
    if (this.#latest?.kind === entry.kind) this.#latest.text.textContent = entry.text;
    else this.add(entry);
  }

  empty(): void {
    this.#waiting = [];
    this.#latest = undefined;
    this.#list.replaceChildren();
  }

  #draw(): void {
    this.#list.prepend(...this.#waiting.reverse());
    this.#waiting = [];
    while (this.#list.childElementCount > MOST_ENTRIES) this.#list.lastElementChild?.remove();
  }
}
