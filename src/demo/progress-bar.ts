import type { WriteStream } from 'node:tty';

const width = 30;
/** What is over sooner needs no bar. */
const showAfterMs = 300;

/** A bar on a terminal, for what takes long. Says nothing where there is no terminal. */
export class ProgressBar {
  readonly #terminal: WriteStream;
  readonly #total: number;
  readonly #startedAt = performance.now();
  #shown = '';

  constructor(terminal: WriteStream, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  show(done: number): void {
    if (!this.#terminal.isTTY || performance.now() - this.#startedAt < showAfterMs) return;
    const share = Math.min(1, done / this.#total);
    const full = Math.round(share * width);
    const bar = `${'█'.repeat(full)}${'░'.repeat(width - full)} ${Math.floor(100 * share)} %`;
    if (bar === this.#shown) return;
    this.#shown = bar;
    this.#terminal.write(`\r${bar} of ${this.#total} records`);
  }

  remove(): void {
    if (this.#shown !== '') this.#terminal.write('\r\x1b[K');
    this.#shown = '';
  }
}
