import { byId, setText } from './dom.js';

const STAYS_MS = 8_000;

/** Says at the foot of the window what the last action did. Failures stay until dismissed. */
export class ResultBar {
  readonly #bar = byId('result-bar', HTMLDivElement);
  readonly #text = byId('result', HTMLParagraphElement);
  #timer: number | undefined;

  constructor() {
    byId('dismiss-result', HTMLButtonElement).addEventListener('click', () => {
      this.#hide();
    });
  }

  done(text: string): void {
    this.#show('done', text);
    this.#timer = setTimeout(() => {
      this.#hide();
    }, STAYS_MS);
  }

  failed(text: string): void {
    this.#show('failed', text);
  }

  #show(tone: 'done' | 'failed', text: string): void {
    clearTimeout(this.#timer);
    this.#bar.hidden = false;
    this.#bar.dataset['tone'] = tone;
    setText(this.#text, text);
  }

  #hide(): void {
    clearTimeout(this.#timer);
    if (this.#bar.contains(document.activeElement))
      byId('records-heading', HTMLElement).focus({ preventScroll: true });
    this.#bar.hidden = true;
    setText(this.#text, '');
  }
}
