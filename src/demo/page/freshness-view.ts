import { byId, setText } from './dom.js';
import { duration } from './format.js';
import type { Notices } from './notices.js';
import type { Freshness } from './wire.js';

/** When the worker that writes was last heard of, and what follows from that. */
export class FreshnessView {
  readonly #figure = byId('stat-heard', HTMLElement);
  readonly #notices: Notices;

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  show({ stalenessMs, limitMs, refusesStale }: Freshness): void {
    setText(this.#figure, stalenessMs === null ? '–' : inWords(stalenessMs));
    if (stalenessMs === null || stalenessMs <= limitMs) {
      this.#notices.clear('stale');
      return;
    }
    const effect = refusesStale
      ? 'Lookups answer 503 until one is back.'
      : 'Lookups go on with what is there, which may be older than the primary.';
    // The same words as long as it lasts: each new text would be read out.
    const silence = `No worker has been heard of for more than ${duration(limitMs / 1000)}.`;
    this.#notices.show('stale', 'Stale.', `${silence} ${effect}`);
  }
}

function inWords(stalenessMs: number): string {
  return stalenessMs < 1000 ? 'now' : `${duration(stalenessMs / 1000)} ago`;
}
