import { byId, create } from './dom.js';
import type { Fault } from './wire.js';

const words: Record<string, { name: string; meaning: string }> = {
  'kill-worker': {
    name: 'Kill the worker',
    meaning: 'The worker that writes loses its connection for good. Another takes over.',
  },
  'stop-worker': { name: 'Stop the worker', meaning: 'The worker that writes hands over and goes.' },
  'stall-redis': { name: 'Stall Redis', meaning: 'Connections stay open, and nothing answers for a while.' },
  'flush-redis': { name: 'Flush Redis', meaning: 'Everything in Redis is gone. The worker notices.' },
  'crash-postgres': {
    name: 'Crash Postgres',
    meaning: 'Postgres ends at once, and comes back after a while. Lookups go on.',
  },
  poison: { name: 'Poison a change', meaning: 'The primary sends a record that fits no schema.' },
  drift: { name: 'Lose a record', meaning: 'A record vanishes from Redis. Reconcile finds out.' },
};

/** The buttons that let something fail; none where the app does not allow it. */
export class FaultButtons {
  readonly #host = byId('faults', HTMLElement);
  readonly #buttons = byId('fault-buttons', HTMLElement);
  readonly #remark = byId('faults-remark', HTMLParagraphElement);
  readonly #press: (button: HTMLButtonElement, fault: string) => void;

  constructor(press: (button: HTMLButtonElement, fault: string) => void) {
    this.#press = press;
  }

  show(faults: readonly Fault[]): void {
    this.#host.hidden = faults.length === 0;
    this.#buttons.replaceChildren(...faults.map((fault) => this.#button(fault)));
    const reasons = faults.flatMap(({ name, whyNot }) =>
      whyNot === undefined ? [] : [`${words[name]?.name ?? name}: ${whyNot}`],
    );
    this.#remark.hidden = reasons.length === 0;
    this.#remark.textContent = reasons.join(' ');
  }

  #button({ name, whyNot }: Fault): HTMLButtonElement {
    const button = create('button', '', words[name]?.name ?? name);
    button.type = 'button';
    button.title = words[name]?.meaning ?? '';
    button.disabled = whyNot !== undefined;
    button.addEventListener('click', () => {
      this.#press(button, name);
    });
    return button;
  }
}
