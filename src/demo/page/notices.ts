import { create } from './dom.js';

export type NoticeKind = 'connection' | 'redis' | 'primary' | 'not-loaded' | 'worker' | 'stale';

/** The bands under the header: each says one thing that is wrong now, and goes when it is right again. */
export class Notices {
  readonly #host: HTMLElement;
  readonly #shown = new Map<NoticeKind, HTMLElement>();

  constructor(host: HTMLElement) {
    this.#host = host;
  }

  show(kind: NoticeKind, title: string, text: string): void {
    const content = [create('strong', '', title), ` ${text}`];
    const shown = this.#shown.get(kind);
    if (shown) {
      if (shown.textContent !== `${title} ${text}`) shown.replaceChildren(...content);
      return;
    }
    const notice = create('p', `notice ${kind}`, ...content);
    this.#shown.set(kind, notice);
    this.#host.append(notice);
  }

  clear(kind: NoticeKind): void {
    this.#shown.get(kind)?.remove();
    this.#shown.delete(kind);
  }
}
