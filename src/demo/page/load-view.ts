import { byId, setText } from './dom.js';
import { count, plural } from './format.js';
import type { LoadProgress } from './wire.js';

/** How far the load has come that runs. */
export class LoadView {
  readonly #progress = byId('prefetch-progress', HTMLProgressElement);
  readonly #text = byId('prefetch-text', HTMLParagraphElement);

  /** @param expected how many records there may be, where the source does not know it */
  show({ loaded, total }: LoadProgress, expected: number): void {
    this.#progress.hidden = this.#text.hidden = false;
    this.#progress.max = Math.max(total ?? expected, loaded, 1);
    this.#progress.value = loaded;
    setText(
      this.#text,
      `Loading: ${total === undefined ? plural(loaded, 'record') : `${count(loaded)} of ${count(total)}`}`,
    );
  }

  hide(): void {
    this.#progress.hidden = this.#text.hidden = true;
  }
}
